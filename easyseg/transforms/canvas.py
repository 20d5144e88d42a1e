"""The second half of preprocessing on the device where the network is: padding, normalising.

What crosses the bus is the resized picture in uint8, a quarter of what the network is given.
"""

from collections.abc import Sequence

import numpy as np
import torch

from easyseg._types import AnyArray, Image
from easyseg.errors import InputError
from easyseg.transforms.geometry import Geometry
from easyseg.transforms.preprocess import Preprocess


def lay_out(
    fitted: Sequence[tuple[Image, Geometry]], preprocess: Preprocess, device: torch.device
) -> torch.Tensor:
    """Make one batch of resized photographs, with the numbers that `preprocess` gives each.

    On CUDA it returns before the copies have ended: they wait in pinned memory while the GPU does
    what it was given earlier.

    Args:
        fitted: As `preprocess.fit` gave them, at least one; their canvases have one size.
        preprocess: The recipe.
        device: Where the batch is wanted.

    Returns:
        The input, float32, channels last, shape (N, 3, h, w), on the device.

    Raises:
        InputError: The canvases differ.
    """
    padded = fitted[0][1].padded
    if any(geometry.padded != padded for _, geometry in fitted):
        sizes = [geometry.padded for _, geometry in fitted]
        raise InputError(f"the pictures of a batch must be padded to one size, got {sizes}")
    numbers = _sent(np.stack(preprocess.normalization), torch.float32, device)
    factor, shift, border = numbers[..., None, None]  # (3, 1, 1) each
    batch = torch.empty(
        (len(fitted), 3, *padded), device=device, dtype=torch.float32,
        memory_format=torch.channels_last,
    )  # fmt: skip
    for canvas, (image, geometry) in zip(batch, fitted, strict=True):
        if padded != geometry.resized:
            canvas[:] = border
        (top, left), (height, width) = geometry.offset, geometry.resized
        inner = canvas[:, top : top + height, left : left + width]
        pixels = _sent(image, torch.uint8, device).permute(2, 0, 1)
        inner.copy_(pixels.flip(0) if preprocess.channel_order == "bgr" else pixels)
        inner.mul_(factor).add_(shift)
    return batch


def _sent(values: AnyArray, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Copy an array of any strides to a device."""
    on_cuda = device.type == "cuda"
    # PyTorch keeps pinned memory for the next ones, and frees none that is still being copied.
    waiting = torch.empty(values.shape, dtype=dtype, device="cpu", pin_memory=on_cuda)
    np.copyto(waiting.numpy(), values)
    return waiting.to(device, non_blocking=on_cuda)
