"""Large pictures in overlapping tiles, blended smoothly, with memory for one row of tiles."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from easyseg._types import AnyArray, FloatMap, Image, LabelMap
from easyseg.engine.views import LEAST, View, cells_of, sample
from easyseg.errors import EasysegWarning, InputError
from easyseg.transforms import Geometry, restore, winner_confidence

SMALLEST = 64
"""Side of the smallest tile that can be asked for."""

OVERLAP = 0.25
"""Share of a tile, at least, that it has in common with the next one."""

MARGIN = 0.25
"""Share of the overlap, at the rim of a tile, that counts for almost nothing: there the network
does not see what is beyond."""

_RIM = 1e-4

T = TypeVar("T")

Predict = Callable[[Image], tuple[torch.Tensor, Geometry]]
"""Takes a tile and gives its logits (1, C, h, w), with their geometry."""


@dataclass(frozen=True)
class _Plan:
    """Where the tiles begin along the sides, and their size.

    Attributes:
        tops: First row of each row of tiles.
        lefts: First column of each column of tiles.
        height: Of a tile.
        width: Of a tile.
    """

    tops: list[int]
    lefts: list[int]
    height: int
    width: int


def check_tile(tile: int) -> None:
    """Raises InputError for a side of tiles that makes no sense."""
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < SMALLEST:
        raise InputError(
            f"tile must be the side of the tiles in pixels, a whole number from {SMALLEST}, not "
            f"{tile!r}"
        )


def in_tiles_that_fit(work: Callable[[int], T], tile: int) -> T:
    """Does something with tiles of a size, and with smaller ones where memory runs out.

    Args:
        work: Takes the side of the tiles.
        tile: The first to try.

    Raises:
        MemoryError: If the smallest tiles are too large, as RuntimeError.
    """
    while True:
        try:
            return work(tile)
        except (MemoryError, RuntimeError) as error:
            if not _is_lack_of_memory(error) or tile // 2 < SMALLEST:
                raise
        tile //= 2
        warnings.warn(
            f"memory ran out: going on with tiles of {tile} pixels", EasysegWarning, stacklevel=4
        )


def _is_lack_of_memory(error: Exception) -> bool:
    """PyTorch has an error of its own for GPUs, and a plain RuntimeError for the CPU."""
    text = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    )


def segment_tiles(
    image: Image, tile: int, predict: Predict, *, confidence: bool = False
) -> tuple[LabelMap, FloatMap | None]:
    """Labels a picture tile by tile, each seen as a picture of its own.

    Neighbours overlap by a quarter of a tile or more. There the class probabilities are mixed with
    weights that rise smoothly from the rim of each tile; then the labels are made as those of any
    picture, by enlarging. Beyond the picture and the result, memory is needed for the
    probabilities of one row of tiles, on the network's grid.

    Args:
        image: RGB uint8 (H, W, 3), larger than a tile.
        tile: Side of the tiles in pixels.
        predict: What the network says of a tile.
        confidence: Whether to compute the confidence of each pixel too.

    Returns:
        Class ids (H, W), and the confidence, float32 (H, W), 0 to 1, or None.
    """
    height, width = image.shape[:2]
    plan = _plan(height, width, tile)
    labels = np.empty((height, width), np.uint8)
    map_: FloatMap | None = np.empty((height, width), np.float32) if confidence else None
    for top, logits, geometry in _bands(image, plan, predict):
        rows = slice(top, top + geometry.original[0])
        labels[rows] = restore(logits, geometry)
        if map_ is not None:
            map_[rows] = winner_confidence(logits, geometry, labels[rows])
    return labels, map_


def _plan(height: int, width: int, tile: int) -> _Plan:
    tops, lefts = _starts(height, tile), _starts(width, tile)
    return _Plan(tops, lefts, min(tile, height), min(tile, width))


def _starts(length: int, tile: int) -> list[int]:
    if length <= tile:
        return [0]
    overlap = round(tile * OVERLAP)
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def _bands(
    image: Image, plan: _Plan, predict: Predict
) -> Iterator[tuple[int, torch.Tensor, Geometry]]:
    """Gives the logarithms of the blended probabilities, some rows of the picture at a time.

    The grid's cells are squares of whole pixels, counted from the upper left corner, so that a
    band of rows is a picture with a geometry of its own.
    """
    height, width = image.shape[:2]
    sums: _Sums | None = None
    for number, top in enumerate(plan.tops):
        for left in plan.lefts:
            part = np.ascontiguousarray(image[top : top + plan.height, left : left + plan.width])
            view = View(*predict(part), mirrored=False)
            if sums is None:
                sums = _Sums(view, plan, height, width)
            sums.add(view, top, left)
        if sums is not None:
            last = number == len(plan.tops) - 1
            band = sums.take(height if last else plan.tops[number + 1])
            if band is not None:
                yield band


class _Sums:
    """Weighted sums of probabilities for one row of tiles, on a grid of square cells."""

    def __init__(self, view: View, plan: _Plan, height: int, width: int) -> None:
        cells = cells_of(view)
        self._plan, self._height, self._width = plan, height, width
        finest = min(plan.height / cells[0], plan.width / cells[1])
        self._side = max(1, min(round(finest), max(plan.height, plan.width) // 4))
        self._columns = math.ceil(width / self._side)
        self._classes = view.logits.shape[1]
        self._first = 0
        """The grid's row that is the first in the sums."""
        self._done = 0
        """The picture's first row that is not given yet."""
        self._total = torch.zeros(1, self._classes, 0, self._columns)
        self._weight = torch.zeros(0, self._columns)

    def add(self, view: View, top: int, left: int) -> None:
        """Adds what the network says of the tile whose first pixel this is."""
        down, rows = self._places(top, self._plan.height, self._height, self._first)
        across, columns = self._places(left, self._plan.width, self._width, 0)
        self._grow(rows.stop)
        weight = torch.outer(
            _ramp(down, self._plan.height, self._plan.tops, top),
            _ramp(across, self._plan.width, self._plan.lefts, left),
        )
        self._total[:, :, rows, columns] += sample(view, down, across) * weight
        self._weight[rows, columns] += weight

    def take(self, until: int) -> tuple[int, torch.Tensor, Geometry] | None:
        """Gives the rows of the picture that no tile from row `until` on has a part in.

        Returns:
            The first of these rows, the logarithms of the probabilities, and their geometry; None
            where there are no such rows yet.
        """
        side, top = self._side, self._done
        if until >= self._height:
            bottom, used = self._height, self._total.shape[2]
        else:
            whole = until // side  # rows of the grid that are finished
            bottom, used = (whole - 1) * side + side // 2, whole - self._first
        if bottom <= top:
            return None
        kept = used - 1  # the last row is needed for the pixels below its middle, too
        mean = self._total[:, :, :used] / self._weight[:used]
        geometry = Geometry(
            original=(bottom - top, self._width),
            resized=(bottom - top, self._width),
            padded=(used * side, self._columns * side),
            offset=(top - self._first * side, 0),
        )
        self._total, self._weight = self._total[:, :, kept:].clone(), self._weight[kept:].clone()
        self._first, self._done = self._first + kept, bottom
        return top, mean.clamp_min_(LEAST).log_(), geometry

    def _places(self, start: int, length: int, whole: int, first: int) -> tuple[AnyArray, slice]:
        """The middles of the cells that begin in a tile, from its border, and their numbers."""
        low, high = math.ceil(start / self._side), math.ceil((start + length) / self._side)
        if start == 0:
            low = 0
        numbers = np.arange(max(low, first), high)
        places = np.clip((numbers + 0.5) * self._side - start, 0, length)
        return places, slice(int(numbers[0]) - first, int(numbers[-1]) + 1 - first)

    def _grow(self, rows: int) -> None:
        more = rows - self._total.shape[2]
        if more > 0:
            empty = self._total.new_zeros(1, self._classes, more, self._columns)
            self._total = torch.cat([self._total, empty], dim=2)
            self._weight = torch.cat([self._weight, self._weight.new_zeros(more, self._columns)])


def _ramp(places: AnyArray, length: int, starts: list[int], start: int) -> torch.Tensor:
    """The weight of places along a side of a tile: it falls towards its neighbours only."""
    weight = np.ones_like(places)
    number = starts.index(start)
    if number > 0:
        weight *= _rise(places, starts[number - 1] + length - start)
    if number + 1 < len(starts):
        weight *= _rise(length - places, start + length - starts[number + 1])
    return torch.from_numpy(weight.astype(np.float32))


def _rise(distance: AnyArray, overlap: int) -> AnyArray:
    margin = overlap * MARGIN
    share = np.clip((distance - margin) / (overlap - 2 * margin), 0, 1)
    return np.maximum(share * share * (3 - 2 * share), _RIM)
