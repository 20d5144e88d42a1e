"""What `cells` and `probability` do, compiled by numba: the same answers in a fraction of the time.

Import this through `easyseg.transforms.accelerator` only: importing it imports numba, and the first
time on a machine it compiles for some seconds. numba keeps the result on disk, beside this file or,
where that is read-only, in the user's cache folder.

The kernels hold no lock and touch only the rows they are given, so that threads can share a
picture. numba's own threads are not used: some of its threading layers end the process when two
threads call them, or after a fork.
"""

# numba's decorators have no types, and numpy's float32 is not Python's float.
# mypy: disable-error-code="untyped-decorator, return-value, arg-type"

import numba
import numpy as np
import numpy.typing as npt

from easyseg._types import FloatMap, LabelMap
from easyseg.transforms.compiled_softmax import share_rows

__all__ = ["label_rows", "share_rows", "winning_rows"]

_Ids = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]


@numba.njit("void(f4[:,:,::1], u1[:,::1], i8, i8)", nogil=True, cache=True)
def winning_rows(pixels: FloatMap, winners: LabelMap, first: int, last: int) -> None:
    """Write the class with the highest logit, the lowest id of equal ones.

    Args:
        pixels: Logits, shape (h, w, C).
        winners: Written to, shape (h, w).
        first: Row of logits to begin with.
        last: Row to stop before.
    """
    _, width, classes = pixels.shape
    for y in range(first, last):
        for x in range(width):
            best, winner = pixels[y, x, 0], 0
            for class_id in range(1, classes):
                if pixels[y, x, class_id] > best:
                    best, winner = pixels[y, x, class_id], class_id
            winners[y, x] = winner


@numba.njit("f4(f4, f4, f4)", nogil=True, cache=True, fastmath={"contract"}, inline="always")
def _between(low: float, high: float, weight: float) -> float:
    return low * (np.float32(1) - weight) + high * weight


@numba.njit("i8(f4[:,::1], i8[::1], i8[::1], f4[:,::1])", nogil=True, cache=True)
def _contenders(corner: _Floats, winner: _Ids, ids: _Ids, values: _Floats) -> int:
    """Find the classes that can win somewhere in a cell; see `cells` for why.

    Args:
        corner: Logits at the four corners, shape (4, C).
        winner: The classes that win them, shape (4,).
        ids: Written to: the contenders, ascending.
        values: Written to: their logits, shape (C, 4).

    Returns:
        How many there are.
    """
    floor = np.float32(-np.inf)
    for class_id in winner:
        lowest = min(
            min(corner[0, class_id], corner[1, class_id]),
            min(corner[2, class_id], corner[3, class_id]),
        )
        floor = max(floor, lowest)
    count = 0
    for class_id in range(corner.shape[1]):
        top = max(corner[0, class_id], corner[1, class_id])
        if max(top, max(corner[2, class_id], corner[3, class_id])) >= floor:
            ids[count] = class_id
            for place in range(4):
                values[count, place] = corner[place, class_id]
            count += 1
    return count


@numba.njit(
    "void(f4[:,:,:], u1[:,::1], i8[:,::1], f4[::1], i8[:,::1], f4[::1], u1[:,::1], i8, i8)",
    nogil=True,
    cache=True,
    fastmath={"contract"},
)
def label_rows(
    pixels: FloatMap,
    winners: LabelMap,
    rows: _Ids,
    down: _Floats,
    columns: _Ids,
    across: _Floats,
    labels: LabelMap,
    first: int,
    last: int,
) -> None:
    """Write the labels of some cells.

    Args:
        pixels: Logits, shape (h, w, C), any strides.
        winners: As `winning_rows` gives them.
        rows: (low, high, start, stop) of every vertical run of pixels, shape (runs, 4).
        down: Weight of the lower logit in each row of the picture, shape (H,).
        columns: The same of every horizontal run.
        across: Weight of the right logit in each column, shape (W,).
        labels: Written to, shape (H, W).
        first: Vertical run to begin with.
        last: Vertical run to stop before.
    """
    classes, width = pixels.shape[2], labels.shape[1]
    corner = np.empty((4, classes), np.float32)
    winner = np.empty(4, np.int64)
    ids = np.empty(classes, np.int64)
    values = np.empty((classes, 4), np.float32)
    best = np.empty(width, np.float32)
    for row in range(first, last):
        top, bottom, y_start, y_stop = rows[row]
        for column in range(len(columns)):
            left, right, x_start, x_stop = columns[column]
            winner[0], winner[1] = winners[top, left], winners[top, right]
            winner[2], winner[3] = winners[bottom, left], winners[bottom, right]
            if winner[0] == winner[1] and winner[0] == winner[2] and winner[0] == winner[3]:
                for y in range(y_start, y_stop):
                    labels[y, x_start:x_stop] = winner[0]
                continue
            corner[0], corner[1] = pixels[top, left], pixels[top, right]
            corner[2], corner[3] = pixels[bottom, left], pixels[bottom, right]
            count = _contenders(corner, winner, ids, values)
            for y in range(y_start, y_stop):
                best[x_start:x_stop] = -np.inf
                for number in range(count):
                    for x in range(x_start, x_stop):
                        value = _between(
                            _between(values[number, 0], values[number, 1], across[x]),
                            _between(values[number, 2], values[number, 3], across[x]),
                            down[y],
                        )
                        if value > best[x]:
                            best[x] = value
                            labels[y, x] = ids[number]
