"""Which type of number a network computes with."""

from collections.abc import Sequence

import torch

from easyseg.errors import InputError
from easyseg.registry import Weights

SMALL_LOSS = 0.1
"""Points of mIoU that bfloat16 may cost where it is taken unasked."""


def pick_precision(
    precision: str, device: torch.device, weights: Weights, available: Sequence[str]
) -> str:
    """Chooses the precision.

    Args:
        precision: One of those available. `"auto"` is fp32, which gives the published answers, or
            bf16 where the processor has instructions for it and it was measured to cost these
            weights less than `SMALL_LOSS`.
        device: Where the network runs.
        weights: Record of the network.
        available: The precisions of the backend.

    Returns:
        One of those available.

    Raises:
        InputError: If the device does not have the precision.
    """
    if precision == "auto":
        cheap = weights.bf16_loss is not None and weights.bf16_loss < SMALL_LOSS
        is_faster = cheap and "bf16" in available and has_native_bf16(device)
        return "bf16" if is_faster else "fp32"
    if precision == "fp16" and device.type == "cpu":
        raise InputError("precision 'fp16' needs a GPU: on a CPU use 'bf16' or 'fp32'")
    return precision


def has_native_bf16(device: torch.device) -> bool:
    """Tells whether a device computes with bfloat16 itself, so that it is faster than float32.

    Args:
        device: A device that is there.

    Returns:
        True for CPUs with AVX-512 BF16 or AMX, and for NVIDIA GPUs since Ampere; False where
        bfloat16 is emulated or PyTorch cannot tell.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    # Both are private to torch, and newer than the oldest one that easyseg runs with.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, question, bool)() for question in questions)
