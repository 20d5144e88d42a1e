"""Probabilities at the photograph's pixels, without a (classes, height, width) volume.

Method:
    Along a row and between two logits, an interpolated logit is a straight line, so that its
    exponential is a geometric sequence: two exponentials for each class and each run of pixels,
    then one multiplication a pixel. Rows whose logits leave the range in which that is exact in
    float32 are computed pixel by pixel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from easyseg._types import FloatMap, LabelMap
from easyseg.errors import InputError
from easyseg.transforms import accelerator
from easyseg.transforms.cells import cut_into_runs
from easyseg.transforms.geometry import Axis, Geometry
from easyseg.transforms.grid import as_grid

VALUES_AT_ONCE = 2**18
"""Exponentials that exist at the same time, in whole rows: they fit the cache."""

_SAFE_SPAN = 70.0
"""How far apart the logits of a run may be before an exponential could vanish that matters."""

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Part:
    """The softmax's terms at some pixels, up to a factor of each pixel.

    Attributes:
        rows: Which rows of the photograph.
        columns: Which of its columns, shape (n,).
        terms: Exponentials, float32, shape (rows, n, C); they change when the next part is made.
    """

    rows: slice
    columns: _Ids
    terms: torch.Tensor


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
    grid = as_grid(logits)
    if labels.shape != geometry.original or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels must be whole numbers of shape {geometry.original}, as restore gives them, "
            f"got {labels.dtype} {labels.shape}"
        )
    kernels = accelerator.RESTORING.get()
    if kernels is not None:
        known_labels = np.where((labels >= 0) & (labels < len(grid)), labels, -1)
        return _share_compiled(kernels, grid, geometry, known_labels.astype(np.int16), None)
    confidence: FloatMap = np.empty(geometry.original, np.float32)
    for part in _parts(grid, geometry):
        chosen = labels[part.rows].take(part.columns, axis=1).astype(np.int64)
        label = torch.from_numpy(chosen)[..., None]  # (rows, n, 1)
        known = (label >= 0) & (label < len(grid))
        share = part.terms.gather(2, label.where(known, 0)).mul_(known)[..., 0]
        confidence[part.rows, part.columns] = share.div_(part.terms.sum(dim=2)).numpy()
    return confidence


def class_probability(
    logits: torch.Tensor, geometry: Geometry, class_ids: Sequence[int]
) -> FloatMap:
    """Give the probability that a pixel belongs to any of some classes: a soft mask of them.

    Args:
        logits: As for `restore`.
        geometry: As for `restore`.
        class_ids: The classes; one that is given twice counts once.

    Returns:
        The sum of their softmax probabilities after bilinear enlargement, 0..1, shape (H, W).

    Raises:
        InputError: The logits have another type or shape, or an id is not one of their classes.
    """
    grid = as_grid(logits)
    chosen = torch.zeros(len(grid), dtype=torch.float32, device="cpu")
    chosen[_checked_ids(class_ids, len(grid))] = 1
    kernels = accelerator.RESTORING.get()
    if kernels is not None:
        return _share_compiled(kernels, grid, geometry, None, chosen.numpy())
    probability: FloatMap = np.empty(geometry.original, np.float32)
    for part in _parts(grid, geometry):
        share = (part.terms @ chosen).div_(part.terms.sum(dim=2))
        probability[part.rows, part.columns] = share.numpy()
    # The two sums round differently: a certain class may come out a trifle above 1.
    return np.minimum(probability, np.float32(1), out=probability)


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
    grid = as_grid(logits)
    wanted = _checked_ids(class_ids, len(grid))
    chosen = np.empty((len(class_ids), *geometry.original), np.float32)
    for part in _parts(grid, geometry):
        share = part.terms.index_select(2, wanted).div_(part.terms.sum(dim=2, keepdim=True))
        chosen[:, part.rows, part.columns] = share.permute(2, 0, 1).numpy()
    return chosen


def _share_compiled(
    kernels: Any,
    grid: torch.Tensor,
    geometry: Geometry,
    labels: npt.NDArray[np.int16] | None,
    chosen: FloatMap | None,
) -> FloatMap:
    """Compute the share of each pixel's label, or that of the chosen classes, with numba."""
    vertical, horizontal = geometry.axes((grid.shape[1], grid.shape[2]))
    pixels = grid.permute(1, 2, 0).contiguous().numpy()
    rows = np.stack((vertical.low, vertical.high), axis=1)
    columns = cut_into_runs(horizontal).table()
    given = np.empty((0, 0), np.int16) if labels is None else np.ascontiguousarray(labels)
    weight = np.empty(0, np.float32) if chosen is None else chosen
    shares: FloatMap = np.empty(geometry.original, np.float32)
    down, across = vertical.weight, horizontal.weight

    def work(first: int, last: int) -> None:
        kernels.share_rows(pixels, rows, columns, down, across, given, weight, shares, first, last)

    accelerator.in_threads(work, len(rows))
    return shares


def _checked_ids(class_ids: Sequence[int], classes: int) -> torch.Tensor:
    for class_id in class_ids:
        if not isinstance(class_id, (int, np.integer)) or not 0 <= class_id < classes:
            raise InputError(f"class id {class_id!r} is not a whole number of 0..{classes - 1}")
    return torch.tensor(class_ids, dtype=torch.int64, device="cpu")


def _parts(grid: torch.Tensor, geometry: Geometry) -> Iterator[_Part]:
    """Cut the photograph into parts that cover it once, and give the terms of each."""
    vertical, horizontal = geometry.axes((grid.shape[1], grid.shape[2]))
    pixels = grid.permute(1, 2, 0).contiguous()
    height = geometry.original[0]
    runs = len(cut_into_runs(horizontal).low)
    step = max(1, VALUES_AT_ONCE // (runs * len(grid)))
    for first in range(0, height, step):
        rows = slice(first, min(first + step, height))
        down = torch.from_numpy(vertical.weight[rows])[:, None, None]
        line = torch.lerp(pixels[vertical.low[rows]], pixels[vertical.high[rows]], down)
        yield from _parts_of_rows(line, rows, horizontal)


def _parts_of_rows(line: torch.Tensor, rows: slice, horizontal: Axis) -> Iterator[_Part]:
    """Go along some rows.

    Args:
        line: Their logits, already interpolated downwards, shape (rows, w, C).
        rows: Which rows these are.
        horizontal: Where the columns of the photograph lie in them.
    """
    runs = cut_into_runs(horizontal)
    longest = len(runs.pixel)
    length = 1 + np.count_nonzero(np.diff(runs.pixel, axis=0), axis=0)
    stride = (runs.weight[-1] - runs.weight[0]) / np.maximum(length - 1, 1).astype(np.float32)
    left = line.index_select(1, torch.from_numpy(runs.low))  # (rows, runs, C)
    slope = line.index_select(1, torch.from_numpy(runs.high)).sub_(left)
    start = left.addcmul_(slope, torch.from_numpy(runs.weight[0])[:, None])
    slope *= torch.from_numpy(stride)[:, None]
    end = torch.add(start, slope, alpha=longest - 1)
    highest = torch.maximum(start, end).amax(dim=2, keepdim=True)
    # Inside a run the highest logit never falls below this, whichever class has it.
    floor = torch.minimum(start, end, out=end).amax(dim=2, keepdim=True)
    if (highest - floor).max() + slope.abs().max() * longest > _SAFE_SPAN:
        yield from _parts_one_by_one(line, rows, horizontal)
        return
    terms = start.sub_(highest).exp_()
    factor = slope.exp_()
    for number in range(longest):
        inside = length > number
        some = terms if inside.all() else terms[:, torch.from_numpy(inside)]
        yield _Part(rows, runs.pixel[number, inside], some)
        terms *= factor


def _parts_one_by_one(line: torch.Tensor, rows: slice, horizontal: Axis) -> Iterator[_Part]:
    """Do as `_parts_of_rows` for any logits, with an exponential for each pixel and class."""
    width, columns = len(horizontal.low), line.shape[1]
    for first in range(0, width, columns):
        some = slice(first, min(first + columns, width))
        left = line.index_select(1, torch.from_numpy(horizontal.low[some]))
        right = line.index_select(1, torch.from_numpy(horizontal.high[some]))
        values = left.lerp_(right, torch.from_numpy(horizontal.weight[some])[:, None])
        values -= values.amax(dim=2, keepdim=True)
        yield _Part(rows, np.arange(some.start, some.stop), values.exp_())
