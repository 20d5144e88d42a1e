"""How tiles are laid, and how what the network says of them is blended where they overlap."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch

from easyseg._types import AnyArray
from easyseg.engine.views import LEAST, View, cells_of, sample
from easyseg.transforms import Geometry

OVERLAP = 0.25
"""Share of a tile, at least, that it has in common with the next one."""

MARGIN = 0.25
"""Share of the overlap, at the rim of a tile, that counts for almost nothing: there the network
does not see what is beyond."""

_RIM = 1e-4


@dataclass(frozen=True)
class Plan:
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

    @classmethod
    def of(cls, height: int, width: int, tile: int) -> "Plan":
        """Cuts a picture into tiles of a size."""
        return cls(_starts(height, tile), _starts(width, tile), min(tile, height), min(tile, width))


@dataclass(frozen=True)
class _Span:
    """The part of one side of the grid that is at work.

    Attributes:
        first: The grid's first row (or column) in the sums.
        done: The picture's first one that is not given yet.
        end: One after the last that can be given, as no later tile has a part in it.
        used: How many rows of the sums are needed for these.
    """

    first: int = 0
    done: int = 0
    end: int = 0
    used: int = 0

    def until(self, place: int, length: int, side: int) -> "_Span":
        """The span when no later tile has a part in what is before a place of the picture."""
        if place >= length:
            return _Span(self.first, self.done, length, math.ceil(length / side) - self.first)
        whole = place // side  # rows of the grid that are finished
        return _Span(self.first, self.done, (whole - 1) * side + side // 2, whole - self.first)

    @property
    def empty(self) -> bool:
        return self.end <= self.done

    @property
    def spent(self) -> int:
        """How many rows of the sums can go: the pixels below the last one's middle need it."""
        return 0 if self.empty else self.used - 1

    def after(self) -> "_Span":
        return _Span(self.first + self.spent, max(self.done, self.end))


class Sums:
    """Weighted sums of probabilities, on a grid of square cells, with the weights as the last.

    Only some columns are at work. To their right wait the rows that this row of tiles has in
    common with the one above; from their left come those for the row below.
    """

    def __init__(self, view: View, plan: Plan, size: tuple[int, int]) -> None:
        cells = cells_of(view)
        self._plan, (self._height, self._width) = plan, size
        finest = min(plan.height / cells[0], plan.width / cells[1])
        self._side = max(1, min(round(finest), max(plan.height, plan.width) // 4))
        self._classes = view.logits.shape[1]
        self._rows = self._columns = _Span()
        self._depth = 0
        """How many rows of the grid are at work."""
        self._sums = torch.zeros(1, self._classes + 1, 0, 0, dtype=torch.float32, device="cpu")
        self._above: deque[torch.Tensor] = deque()
        self._below: deque[torch.Tensor] = deque()

    def begin_row(self, top: int, next_top: int) -> None:
        """Begins a row of tiles; `next_top` is where the next one begins, or the picture's end."""
        self._rows = self._rows.after().until(next_top, self._height, self._side)
        self._columns = _Span()
        self._depth = math.ceil((top + self._plan.height) / self._side) - self._rows.first
        self._above, self._below = self._below, deque()
        self._sums = self._sums.new_zeros(1, self._classes + 1, self._depth, 0)

    def add(self, view: View, top: int, left: int) -> None:
        """Adds what the network says of the tile whose first pixel this is."""
        down, rows = self._places(top, self._plan.height, self._rows.first)
        across, columns = self._places(left, self._plan.width, self._columns.first)
        self._widen(columns.stop)
        weight = torch.outer(
            _ramp(down, self._plan.height, self._plan.tops, top),
            _ramp(across, self._plan.width, self._plan.lefts, left),
        )
        self._sums[:, :-1, rows, columns] += sample(view, down, across) * weight
        self._sums[:, -1, rows, columns] += weight

    def take(self, until: int) -> tuple[int, int, torch.Tensor, Geometry] | None:
        """Gives the part of the picture that is final, and sets aside what the row below needs.

        Args:
            until: No later tile of this row has a part in the columns before this one.

        Returns:
            The first row and column, the logarithms of the probabilities, and their geometry; None
            where nothing is final yet.
        """
        rows = self._rows
        columns = self._columns.until(until, self._width, self._side)
        block = None
        if not rows.empty and not columns.empty:
            used = self._sums[:, :, : rows.used, : columns.used]
            mean = (used[:, :-1] / used[:, -1:]).clamp_min_(LEAST).log_()
            block = rows.done, columns.done, mean, self._geometry(rows, columns)
        spent = columns.used if until >= self._width else columns.spent
        if rows.end < self._height:
            self._below.append(self._sums[:, :, rows.spent :, :spent].clone())
        self._sums = self._sums[..., spent:].clone()
        self._columns = columns.after()
        return block

    def _geometry(self, rows: _Span, columns: _Span) -> Geometry:
        size = (rows.end - rows.done, columns.end - columns.done)
        return Geometry(
            original=size,
            resized=size,
            padded=(rows.used * self._side, columns.used * self._side),
            offset=(
                rows.done - rows.first * self._side, columns.done - columns.first * self._side
            ),
        )  # fmt: skip

    def _places(self, start: int, length: int, first: int) -> tuple[AnyArray, slice]:
        """The middles of the cells that begin in a tile, from its border, and their numbers."""
        low, high = math.ceil(start / self._side), math.ceil((start + length) / self._side)
        numbers = np.arange(max(low, first), high)
        places = np.clip((numbers + 0.5) * self._side - start, 0, length)
        return places, slice(int(numbers[0]) - first, int(numbers[-1]) + 1 - first)

    def _widen(self, columns: int) -> None:
        """Brings columns to work until there are so many, with what the row above left there."""
        pieces = [self._sums]
        missing = columns - self._sums.shape[3]
        while missing > 0:
            piece = self._sums.new_zeros(1, self._classes + 1, self._depth, missing)
            if self._above:
                left = self._above.popleft()
                piece = piece.new_zeros(1, self._classes + 1, self._depth, left.shape[3])
                piece[:, :, : left.shape[2]] = left
            pieces.append(piece)
            missing -= piece.shape[3]
        if len(pieces) > 1:
            self._sums = torch.cat(pieces, dim=3)


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


def _starts(length: int, tile: int) -> list[int]:
    if length <= tile:
        return [0]
    overlap = round(tile * OVERLAP)
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]
