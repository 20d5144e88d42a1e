"""Runs a network with PyTorch itself: on every device, and where all else fails."""

import os

import torch

from easyseg.engine import forked
from easyseg.engine.backends.cuda_graphs import Graphed
from easyseg.engine.backends.network import Checkpoint
from easyseg.errors import ModelError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The type of number of each precision."""


class TorchNetwork:
    """A network on PyTorch.

    Args:
        checkpoint: The network.
        device: Where it runs.
        precision: A key of `DTYPES`.

    Attributes:
        backend: `"torch"`.
        precision: As given.

    Raises:
        InputError: As `Checkpoint.load` does.
        ModelError: As `Checkpoint.load` does; when called, if it is on CUDA and this process was
            forked from the one that opened it.
    """

    backend = "torch"

    def __init__(self, checkpoint: Checkpoint, device: torch.device, precision: str) -> None:
        forked.prepare()
        self.precision = precision
        self._process = os.getpid()
        self._device = device
        self._dtype = DTYPES[precision]
        module = checkpoint.load().to(device=device, dtype=self._dtype)
        # torch's stubs leave this keyword out.
        self._module: torch.nn.Module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._run = Graphed(self._module) if device.type == "cuda" else self._module

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Network`; the logits stay on the device."""
        forked.prepare()
        if self._device.type == "cuda" and os.getpid() != self._process:
            raise ModelError(
                "a network on CUDA cannot be used in a process that was forked: make a Segmenter "
                "in each, started with multiprocessing.get_context('spawn')"
            )
        with torch.inference_mode():
            if self._device.type == "cuda" and not x.is_cuda:
                x = x.pin_memory()  # so that the copy overlaps with what the GPU still does
            x = x.to(self._device, non_blocking=True)
            x = x.to(dtype=self._dtype, memory_format=torch.channels_last)
            logits: torch.Tensor = self._run(x)
            return logits.float()
