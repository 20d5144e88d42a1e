"""From logits back to the photograph's pixels, without a (classes, height, width) volume."""

import torch

from easyseg._types import LabelMap
from easyseg.errors import InputError
from easyseg.transforms.cells import label_cells
from easyseg.transforms.geometry import Geometry
from easyseg.transforms.grid import as_grid

MOST_CLASSES = 255
"""Label maps are uint8, and 255 is void."""


def restore(logits: torch.Tensor, geometry: Geometry) -> LabelMap:
    """Label the photograph: the argmax of the bilinearly enlarged logits, padding cut off.

    The labels are exactly those of enlarging the logits to the photograph and taking the argmax,
    but for classes that differ in the last bit of float32; of equal ones the lowest id wins. The
    enlarged logits themselves are never built: see `easyseg.transforms.cells` for the method.

    NaN and infinity count as the largest value a class can have, minus infinity as the lowest, so
    a class masked with minus infinity never wins where another is left.

    Args:
        logits: Floats, shape (C, h, w) or (1, C, h, w) with C at most 255, on any device, spanning
            the canvas of `geometry`. They are computed with in float32 on the CPU.
        geometry: As `Preprocess` gave it.

    Returns:
        Class ids, shape (H, W) = `geometry.original`.

    Raises:
        InputError: The logits have another type or shape, or too many classes.

    Source:
        Our own method; the interpolation is that of `torch.nn.functional.interpolate`.
    """
    grid = as_grid(logits)
    if len(grid) > MOST_CLASSES:
        raise InputError(
            f"logits have {len(grid)} classes, but a label map of uint8 holds at most "
            f"{MOST_CLASSES} and void; merge or select classes first"
        )
    return label_cells(grid.numpy(), *geometry.axes((grid.shape[1], grid.shape[2])))
