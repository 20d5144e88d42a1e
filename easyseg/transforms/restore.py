"""From logits back to the photograph's pixels, without a (classes, height, width) volume."""

from typing import Any

import numpy as np
import torch

from easyseg._types import LabelMap
from easyseg.errors import InputError
from easyseg.transforms import accelerator
from easyseg.transforms.cells import cut_into_runs, label_cells, winning_classes
from easyseg.transforms.geometry import Axis, Geometry
from easyseg.transforms.grid import as_grid
from easyseg.transforms.on_device import label_pixels

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
            the canvas of `geometry`. They are computed with in float32, on CUDA where they lie
            there, else on the CPU.
        geometry: As `Preprocess` gave it.

    Returns:
        Class ids, shape (H, W) = `geometry.original`.

    Raises:
        InputError: The logits have another type or shape, or too many classes.

    Source:
        Our own method; the interpolation is that of `torch.nn.functional.interpolate`.
    """
    on_gpu = isinstance(logits, torch.Tensor) and logits.is_cuda
    grid = as_grid(logits, logits.device if on_gpu else "cpu")
    if len(grid) > MOST_CLASSES:
        raise InputError(
            f"logits have {len(grid)} classes, but a label map of uint8 holds at most "
            f"{MOST_CLASSES} and void; merge or select classes first"
        )
    axes = geometry.axes((grid.shape[1], grid.shape[2]))
    if on_gpu:  # the labels are smaller than the logits: those cross the bus
        return label_pixels(grid, *axes).cpu().numpy()
    kernels = accelerator.RESTORING.get()
    if kernels is None:
        return label_cells(grid.numpy(), *axes)
    return _label_compiled(kernels, grid, *axes)


def _label_compiled(kernels: Any, grid: torch.Tensor, vertical: Axis, horizontal: Axis) -> LabelMap:
    """Do as `label_cells`, with numba."""
    pixels = grid.permute(1, 2, 0).numpy()
    if pixels.flags.c_contiguous:
        winners = np.empty(pixels.shape[:2], np.uint8)
        accelerator.in_threads(
            lambda first, last: kernels.winning_rows(pixels, winners, first, last), len(winners)
        )
    else:  # laying whole planes out pixel by pixel would take longer than all the rest
        winners = winning_classes(grid.numpy())
    labels = np.empty((len(vertical.low), len(horizontal.low)), np.uint8)
    rows, columns = cut_into_runs(vertical).table(), cut_into_runs(horizontal).table()
    down, across = vertical.weight, horizontal.weight

    def work(first: int, last: int) -> None:
        kernels.label_rows(pixels, winners, rows, down, columns, across, labels, first, last)

    accelerator.in_threads(work, len(rows))
    return labels
