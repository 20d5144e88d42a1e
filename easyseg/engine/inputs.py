"""Where a network's input is made: on CUDA by the GPU, from the picture in uint8; else on the CPU.

On Apple's processors the GPU shares the CPU's memory, so that MPS has nothing to gain.
"""

from collections.abc import Sequence

import torch

from easyseg._types import Image
from easyseg.engine import forked
from easyseg.transforms import Geometry, Preprocess, lay_out


def prepare(
    preprocess: Preprocess, image: Image, device: torch.device
) -> tuple[torch.Tensor, Geometry]:
    """Makes the input of a network.

    Args:
        preprocess: How it wants its pictures.
        image: RGB uint8 (H, W, 3).
        device: Where the network runs.

    Returns:
        Float32 (1, 3, h, w), on the GPU where that is CUDA's and else on the CPU, and the way back.

    Raises:
        InputError: If the array has a wrong shape or type.
        ModelError: As `forked.check_cuda` does.
    """
    if device.type != "cuda":
        return preprocess(image)
    fitted = preprocess.fit(image)
    return prepare_batch(preprocess, [fitted], device), fitted[1]


def prepare_batch(
    preprocess: Preprocess, fitted: Sequence[tuple[Image, Geometry]], device: torch.device
) -> torch.Tensor:
    """Makes one input of several pictures, on the device; see `easyseg.transforms.lay_out`.

    Raises:
        ModelError: As `forked.check_cuda` does.
    """
    if device.type == "cuda":
        forked.check_cuda()
    return lay_out(fitted, preprocess, device)
