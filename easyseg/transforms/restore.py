"""From logits back to the photograph's pixels, without a (classes, height, width) volume."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from easyseg._types import FloatMap, LabelMap
from easyseg.errors import InputError
from easyseg.transforms.cells import label_cells
from easyseg.transforms.geometry import Geometry

MOST_CLASSES = 255
"""Label maps are uint8, and 255 is void."""

VALUES_AT_ONCE = 2**19
"""Logits of the photograph's pixels that exist at the same time, in whole rows."""

_LARGEST = torch.finfo(torch.float32).max / 4


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
    grid = _grid(logits)
    if len(grid) > MOST_CLASSES:
        raise InputError(
            f"logits have {len(grid)} classes, but a label map of uint8 holds at most "
            f"{MOST_CLASSES} and void; merge or select classes first"
        )
    return label_cells(grid.numpy(), *geometry.axes((grid.shape[1], grid.shape[2])))


def winner_confidence(logits: torch.Tensor, geometry: Geometry, labels: LabelMap) -> FloatMap:
    """Give the softmax probability of each pixel's label after bilinear enlargement.

    Args:
        logits: As for `restore`.
        geometry: As for `restore`.
        labels: Class ids, any integers, shape `geometry.original`.

    Returns:
        Probabilities 0..1, shape (H, W). 0 where the label is no class of the logits, as void.

    Raises:
        InputError: The logits or labels have another type or shape.
    """
    grid = _grid(logits)
    if labels.shape != geometry.original or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels must be whole numbers of shape {geometry.original}, as restore gives them, "
            f"got {labels.dtype} {labels.shape}"
        )
    confidence: FloatMap = np.empty(geometry.original, np.float32)
    for rows, values in _enlarged_rows(grid, geometry):
        label = torch.from_numpy(labels[rows].astype(np.int64))[..., None]  # (rows, W, 1)
        known = (label >= 0) & (label < len(grid))
        values -= values.gather(2, label.where(known, 0))
        share = values.exp_().sum(dim=2).reciprocal_()
        confidence[rows] = share.mul_(known[..., 0]).numpy()
    return confidence


def probabilities(
    logits: torch.Tensor, geometry: Geometry, class_ids: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Give the softmax probabilities of some classes after bilinear enlargement.

    Args:
        logits: As for `restore`.
        geometry: As for `restore`.
        class_ids: The K classes wanted, in the order wanted.

    Returns:
        Probabilities 0..1, shape (K, H, W).

    Raises:
        InputError: The logits have another type or shape, or an id is not one of their classes.
    """
    grid = _grid(logits)
    for class_id in class_ids:
        if not isinstance(class_id, (int, np.integer)) or not 0 <= class_id < len(grid):
            raise InputError(f"class id {class_id!r} is not a whole number of 0..{len(grid) - 1}")
    wanted = torch.tensor(class_ids, dtype=torch.int64)
    chosen = np.empty((len(class_ids), *geometry.original), np.float32)
    for rows, values in _enlarged_rows(grid, geometry):
        share = values.softmax(dim=2).index_select(2, wanted)  # (rows, W, K)
        chosen[:, rows] = share.permute(2, 0, 1).numpy()
    return chosen


def _grid(logits: torch.Tensor) -> torch.Tensor:
    """Check logits and give them as finite float32 (C, h, w) on the CPU, planes or pixels whole."""
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InputError(f"logits must be a torch tensor of floats, got {kind}")
    if logits.ndim not in (3, 4) or 0 in logits.shape:
        raise InputError(
            "logits must have shape (C, h, w) or (1, C, h, w) without empty sides, got "
            f"{tuple(logits.shape)}"
        )
    if logits.ndim == 4:
        if len(logits) != 1:
            raise InputError(
                f"logits must be of one photograph, got a batch of {len(logits)}; pass them one "
                "by one, each with its own geometry"
            )
        logits = logits[0]
    grid = logits.detach().to("cpu", torch.float32)
    if not torch.isfinite(grid.sum()):
        grid = torch.nan_to_num(grid, nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)
    if grid.stride(0) == 1:  # channels_last stays so
        return grid.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    return grid.contiguous()


def _enlarged_rows(grid: torch.Tensor, geometry: Geometry) -> Iterator[tuple[slice, torch.Tensor]]:
    """Enlarge the logits some rows of the photograph at a time, as (rows, W, C), to be consumed."""
    vertical, horizontal = geometry.axes((grid.shape[1], grid.shape[2]))
    pixels = grid.permute(1, 2, 0).contiguous()
    low, high = torch.from_numpy(horizontal.low), torch.from_numpy(horizontal.high)
    across = torch.from_numpy(horizontal.weight)[:, None]
    height, width = geometry.original
    step = max(1, VALUES_AT_ONCE // (width * len(grid)))
    for first in range(0, height, step):
        rows = slice(first, min(first + step, height))
        down = torch.from_numpy(vertical.weight[rows])[:, None, None]
        line = torch.lerp(pixels[vertical.low[rows]], pixels[vertical.high[rows]], down)
        left, right = line.index_select(1, low), line.index_select(1, high)
        yield rows, left.lerp_(right, across)
