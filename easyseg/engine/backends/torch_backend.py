"""Runs a network with PyTorch itself: on every device, and where all else fails."""

import torch
from torch import nn

from easyseg.engine import allocator, forked
from easyseg.engine.backends.cuda_graphs import Graphed
from easyseg.engine.backends.network import Checkpoint

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The type of number of each precision."""


class TorchNetwork:
    """A network on PyTorch.

    Weights and pictures are cast as a whole, rather than for each operation by `torch.autocast`:
    the batch normalisations, which want float32, are folded away, other normalisations and softmax
    add up in float32 anyhow, and so the network, or its CUDA graph, holds no kernels that cast.

    Args:
        checkpoint: The network.
        device: Where it runs.
        precision: A key of `DTYPES`.

    Attributes:
        backend: `"torch"`.
        precision: As given.

    Raises:
        InputError: As `Checkpoint.load` does.
        ModelError: As `Checkpoint.load` does; also when called, if it is on CUDA and this process
            was forked from one that has used it.
    """

    backend = "torch"

    def __init__(self, checkpoint: Checkpoint, device: torch.device, precision: str) -> None:
        self._prepare(device)
        if device.type == "cpu":
            allocator.keep_freed()
        self.precision = precision
        self._device = device
        self._dtype = DTYPES[precision]
        module = checkpoint.load().to(device=device, dtype=self._dtype)
        self._memory_format = _memory_format(module, device)
        # torch's stubs leave this keyword out.
        self._module: nn.Module = module.to(memory_format=self._memory_format)  # type: ignore[call-overload]
        self._run = Graphed(self._module) if device.type == "cuda" else self._module

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Network`; the logits stay on the device."""
        self._prepare(self._device)
        on_cuda = self._device.type == "cuda"
        with torch.inference_mode():
            if on_cuda and not x.is_cuda:
                x = x.pin_memory()  # so that the copy overlaps with what the GPU still does
            # MPS would copy from memory that is free again by then (pytorch/pytorch#189690).
            x = x.to(self._device, non_blocking=on_cuda)
            x = x.to(dtype=self._dtype, memory_format=self._memory_format)
            logits: torch.Tensor = self._run(x)
            return logits.float()

    def _prepare(self, device: torch.device) -> None:
        forked.prepare()
        if device.type == "cuda":
            forked.check_cuda()


def _memory_format(module: nn.Module, device: torch.device) -> torch.memory_format:
    """Chooses how pictures and weights lie in memory.

    Channels last saves depthwise and 1x1 convolutions the way into blocks and back, and is what
    GPUs want. On a CPU the large dense convolutions of a ResNet's atrous stages are faster in the
    blocks that PyTorch makes of the other order: 3.1 s against 3.9 for DeepLabV3+ ResNet-50, on two
    cores with AVX2.
    """
    if device.type != "cpu":
        return torch.channels_last
    weighted = [part for part in module.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]
    dense = sum(
        part.weight.numel()
        for part in weighted
        if isinstance(part, nn.Conv2d) and part.groups == 1 and max(part.kernel_size) > 1
    )
    rest = sum(part.weight.numel() for part in weighted) - dense
    return torch.contiguous_format if dense > rest else torch.channels_last
