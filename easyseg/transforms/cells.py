"""The labels of bilinearly enlarged logits, cell by cell, without enlarging them.

Method:
    Four neighbouring logits span a cell. Inside it, bilinear interpolation is a convex combination
    of the four corners, so each class stays between its lowest and its highest corner.

    - A class that wins all four corners wins the whole cell: nothing needs interpolating. On
      photographs that holds for about nine cells in ten.
    - In a mixed cell, take the classes that win a corner, and of these the one whose lowest corner
      is highest. Every pixel's winner reaches at least that floor, so a class whose highest corner
      lies below it wins nowhere in the cell. Two or three of 150 classes are left, and only they
      are interpolated, only in the pixels of that cell.

    Both statements survive rounding: every step of the interpolation is monotonic in the corners.
    The steps are ATen's (along the row, then along the column, one product of each pair fused into
    the sum), so the labels are those of `torch.nn.functional.interpolate(...).argmax(1)`, but for
    classes that float32 cannot tell apart.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from easyseg._types import FloatMap, LabelMap
from easyseg.transforms.geometry import Axis

LONGEST_RUN = 64
"""Pixels of a cell that are worked on together along one axis; a larger cell is split."""

CELLS_AT_ONCE = 2048
"""Mixed cells whose corners are gathered together: 5 MB with 150 classes."""

PIXELS_AT_ONCE = 32768
"""Pixels interpolated together: they fit the cache and stay in one thread of torch."""

_Ids: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Runs:
    """An axis cut into runs of consecutive pixels that lie between the same two logits.

    Attributes:
        low: Index of the first logit of every run, shape (runs,).
        high: Index of the second one, shape (runs,).
        pixel: The pixels of every run, shape (longest, runs); the last one fills short runs up.
        weight: Share of the second logit in those pixels, shape (longest, runs).
    """

    low: _Ids
    high: _Ids
    pixel: _Ids
    weight: _Floats

    def table(self) -> _Ids:
        """Give (low, high, first pixel, last pixel + 1) of every run, shape (runs, 4)."""
        return np.stack((self.low, self.high, self.pixel[0], self.pixel[-1] + 1), axis=1)


@dataclass(frozen=True, eq=False)
class _Contest:
    """What is left to decide in a number of cells, those with most contenders first.

    The contenders stand turn by turn: the lowest class id of every cell, then the second lowest of
    every cell that has two, and so on, each turn in the order of the cells.

    Attributes:
        row: Vertical run of every cell, shape (cells,).
        column: Horizontal run of every cell, shape (cells,).
        turns: Number of cells that have a contender in each turn, descending.
        class_id: The contenders, uint8, shape (contenders,).
        corner: Their logits at the corners of their cell, shape (4, contenders).
    """

    row: _Ids
    column: _Ids
    turns: _Ids
    class_id: npt.NDArray[np.uint8]
    corner: _Floats


def label_cells(logits: FloatMap, vertical: Axis, horizontal: Axis) -> LabelMap:
    """Give each pixel the class whose bilinearly interpolated logit is highest.

    Of classes that are equal the lowest id wins. Beyond the result, the memory needed depends
    neither on its size nor on the enlargement.

    Args:
        logits: Finite values, shape (C, h, w), C at most 255, contiguous or pixel by pixel.
        vertical: Where the H rows of the result lie in the logits.
        horizontal: Where its W columns lie.

    Returns:
        Class ids, shape (H, W).
    """
    winners = winning_classes(logits)
    labels = winners.take(horizontal.low, axis=1).take(vertical.low, axis=0)
    rows, columns = cut_into_runs(vertical), cut_into_runs(horizontal)
    row, column = _mixed_cells(winners, rows, columns)
    for first in range(0, len(row), CELLS_AT_ONCE):
        some = slice(first, first + CELLS_AT_ONCE)
        contest = _contest(logits, winners, rows, columns, row[some], column[some])
        _decide(contest, rows, columns, labels)
    return labels


def winning_classes(logits: FloatMap) -> LabelMap:
    """Give the class with the highest logit, the lowest id of equal ones.

    Args:
        logits: Finite values, shape (C, h, w), C at most 255.

    Returns:
        Class ids, shape (h, w).
    """
    if logits.strides[0] == logits.itemsize:  # channels_last
        return np.asarray(logits.argmax(axis=0), np.uint8)
    # Plane by plane: numpy's argmax over a strided axis takes more than twice as long.
    best = logits[0].copy()
    winners = np.zeros(best.shape, np.uint8)
    for class_id, plane in enumerate(logits[1:], start=1):
        np.copyto(winners, np.uint8(class_id), where=plane > best)
        np.maximum(best, plane, out=best)
    return winners


def cut_into_runs(axis: Axis) -> Runs:
    """Cut an axis where its pairs of logits change, and where a run grows too long."""
    change = np.flatnonzero((np.diff(axis.low) != 0) | (np.diff(axis.high) != 0)) + 1
    start = np.concatenate(([0], change))
    stop = np.append(change, len(axis.low))
    if (stop - start).max() > LONGEST_RUN:
        pieces = [np.arange(a, b, LONGEST_RUN) for a, b in zip(start, stop, strict=True)]
        start = np.concatenate(pieces)
        stop = np.append(start[1:], len(axis.low))
    step = np.arange((stop - start).max())[:, None]
    pixel = np.minimum(start + step, stop - 1)  # (longest, runs)
    return Runs(axis.low[start], axis.high[start], pixel, axis.weight[pixel])


def _mixed_cells(winners: LabelMap, rows: Runs, columns: Runs) -> tuple[_Ids, _Ids]:
    """Find the cells whose corners have several winners, as (vertical, horizontal) runs."""
    low = winners[rows.low]
    high = winners[rows.high]
    first = low[:, columns.low]
    mixed = first != low[:, columns.high]
    mixed |= first != high[:, columns.low]
    mixed |= first != high[:, columns.high]
    row, column = np.nonzero(mixed)
    return row, column


def _contest(
    logits: FloatMap, winners: LabelMap, rows: Runs, columns: Runs, row: _Ids, column: _Ids
) -> _Contest:
    """Find the classes that can win somewhere in the given cells."""
    classes, _, width = logits.shape
    top, bottom = rows.low[row] * width, rows.high[row] * width
    left, right = columns.low[column], columns.high[column]
    index = np.stack((top + left, bottom + left, top + right, bottom + right))  # (4, cells)
    corner = _gather(logits, index)  # (4, cells, C)

    winner = winners.reshape(-1)[index]  # (4, cells)
    floor = corner[:, np.arange(len(row)), winner].min(axis=0).max(axis=0)
    can_win = corner.max(axis=0) >= floor[:, None]  # (cells, C)
    cell, class_id = np.divmod(np.flatnonzero(can_win), classes)

    place, order, turns = _by_turn(cell)
    cell, class_id = cell[place], class_id[place]
    # One fancy index over all four would lay the result out contender by contender.
    corner = np.stack([values[cell, class_id] for values in corner])
    return _Contest(row[order], column[order], turns, class_id.astype(np.uint8), corner)


def _by_turn(cell: _Ids) -> tuple[_Ids, _Ids, _Ids]:
    """Sort contenders, given by the cell of each in ascending order, as `_Contest` has them.

    Returns:
        The order of the contenders, the order of the cells, and the cells in each turn.
    """
    count = np.bincount(cell)
    order = np.argsort(-count, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    number = np.arange(len(cell))
    turn = number - (np.cumsum(count) - count)[cell]
    turns = np.bincount(turn)
    place = np.empty_like(cell)
    place[(np.cumsum(turns) - turns)[turn] + rank[cell]] = number
    return place, order, turns


def _gather(logits: FloatMap, index: _Ids) -> _Floats:
    """Take the logits at flat indices (4, n), as (4, n, C)."""
    classes, height, width = logits.shape
    if logits.strides[0] == logits.itemsize:
        return logits.transpose(1, 2, 0).reshape(height * width, classes).take(index, axis=0)
    return logits.reshape(classes, height * width).take(index, axis=1).transpose(1, 2, 0)


def _decide(contest: _Contest, rows: Runs, columns: Runs, labels: LabelMap) -> None:
    """Interpolate the contenders of each cell and write the winner of each pixel into labels."""
    step = max(1, PIXELS_AT_ONCE // (len(rows.pixel) * len(columns.pixel)))
    for first in range(0, len(contest.row), step):
        row, column = contest.row[first : first + step], contest.column[first : first + step]
        # take, unlike weight[:, row], keeps the cells side by side in memory.
        down, across = rows.weight.take(row, axis=1), columns.weight.take(column, axis=1)
        best = _winners_of_pixels(contest, first, down[:, None], across)
        y, x = rows.pixel.take(row, axis=1), columns.pixel.take(column, axis=1)
        labels[y[:, None], x] = best


def _winners_of_pixels(
    contest: _Contest, first: int, down: _Floats, across: _Floats
) -> npt.NDArray[np.uint8]:
    """Decide cells from `first` on, side by side.

    Args:
        contest: The cells and their contenders.
        first: The cell to begin with.
        down: Weights of the lower corners, shape (pixels down, 1, cells).
        across: Weights of the right corners, shape (pixels across, cells).

    Returns:
        Class ids, shape (pixels down, pixels across, cells).
    """
    shape = (len(down), *across.shape)
    best = np.full(shape, -np.inf, np.float32)
    label = np.zeros(shape, np.uint8)
    far_down, far_across = torch.from_numpy(down), torch.from_numpy(across)
    near_down, near_across = 1 - far_down, 1 - far_across
    start = first
    for turn in contest.turns.tolist():
        cells = min(turn - first, shape[2])
        if cells <= 0:
            break
        now = slice(start, start + cells)
        left, right = torch.from_numpy(contest.corner[:, now]).reshape(2, 2, 1, cells)
        edges = torch.addcmul(right * far_across[:, :cells], left, near_across[:, :cells])
        bottom = edges[1] * far_down[..., :cells]
        value = torch.addcmul(bottom, edges[0], near_down[..., :cells]).numpy()
        # Ids ascend from turn to turn, so the last to take the lead has the highest.
        leads = (value > best[..., :cells]).view(np.uint8)
        leads *= contest.class_id[now]
        np.maximum(label[..., :cells], leads, out=label[..., :cells])
        np.maximum(best[..., :cells], value, out=best[..., :cells])
        start += turn
    return label
