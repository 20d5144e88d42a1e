"""What `overlay` does but for its legend, compiled by numba: the same picture, made faster.

Import this through `easyseg.transforms.accelerator` only, as `easyseg.transforms.compiled`.

Every step is a loop over bytes without a branch, which LLVM turns into vector instructions, or goes
over runs of pixels with one label, of which a picture has few.
"""

# mypy: disable-error-code="untyped-decorator, arg-type"

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from easyseg._types import Image, LabelMap

_Bytes = npt.NDArray[np.uint8]
_Counts = npt.NDArray[np.int64]

_OPTIONS: Any = {"nogil": True, "cache": True, "error_model": "numpy"}
_LINE, _PLANE, _PICTURE = (
    numba.types.Array(numba.uint8, axes, "C", readonly=True) for axes in (1, 2, 3)
)
"""Arrays of bytes that are only read: those of a result cannot be written to."""

_OUT, _OUT_PLANE, _OUT_PICTURE = numba.uint8[::1], numba.uint8[:, ::1], numba.uint8[:, :, ::1]
_F4, _I8, _STARTS = numba.float32, numba.int64, numba.int64[::1]

_ROWS = 32
"""Rows whose borders are looked for at a time: they stay in the processor's cache."""

_SHORT = 8
"""Runs of fewer pixels are copied without a call."""


@numba.njit(numba.void(_LINE, _LINE, _OUT, _F4, _F4), fastmath={"contract"}, **_OPTIONS)
def blend_bytes(below: _Bytes, above: _Bytes, out: _Bytes, rest: float, alpha: float) -> None:
    """Write ``rest * below + alpha * above``, rounded to even where it lies in the middle."""
    for place in range(len(out)):
        value = np.float32(below[place]) * rest + np.float32(above[place]) * alpha
        out[place] = np.uint8(np.int32(np.rint(value)))


@numba.njit(numba.void(_LINE, _OUT), **_OPTIONS)
def _copy(source: _Bytes, target: _Bytes) -> None:
    for place in range(len(target)):
        target[place] = source[place]


@numba.njit(numba.void(_LINE, _OUT), **_OPTIONS)
def _unite(source: _Bytes, target: _Bytes) -> None:
    for place in range(len(target)):
        target[place] |= source[place]


@numba.njit(numba.void(_OUT), **_OPTIONS)
def _flag(flags: _Bytes) -> None:
    """Make 1 of all that is not 0."""
    for place in range(len(flags)):
        flags[place] = min(flags[place], np.uint8(1))


@numba.njit(numba.void(_LINE, _LINE, _LINE, _LINE, _OUT), **_OPTIONS)
def _compare(own: _Bytes, right: _Bytes, below: _Bytes, across: _Bytes, out: _Bytes) -> None:
    """Write something other than 0 where a square of four labels holds several."""
    for place in range(len(out)):
        label = own[place]
        out[place] = (label ^ right[place]) | (label ^ below[place]) | (label ^ across[place])


@numba.njit(numba.void(_LINE, _LINE, _LINE, _LINE, _OUT), **_OPTIONS)
def _change(label: _Bytes, last: _Bytes, edge: _Bytes, last_edge: _Bytes, out: _Bytes) -> None:
    """Write something other than 0 where a pixel differs from the one before it."""
    for place in range(len(out)):
        out[place] = (label[place] ^ last[place]) | (edge[place] ^ last_edge[place])


@numba.njit(numba.void(_PLANE, _I8, _I8, _OUT_PLANE, _OUT_PLANE), **_OPTIONS)
def _borders(labels: LabelMap, thickness: int, first: int, squares: _Bytes, edges: _Bytes) -> None:
    """Find the pixels near another label, as `easyseg.drawing.draw.borders` does.

    Args:
        labels: All of them, shape (H, W).
        thickness: Width of the border on each side, 1 or more.
        first: The first row to look at.
        squares: Room for what squares of 2x2 pixels hold, zeros, (n + 2 thickness - 1, W + 2
            thickness).
        edges: Written to: 1 for a border, shape (n, W + 2 thickness), the last columns unused.
    """
    height, width = labels.shape
    for number in range(len(squares)):
        y = first - thickness + number
        own, below = labels[max(0, min(y, height - 1))], labels[max(0, min(y + 1, height - 1))]
        row = squares[number, thickness : thickness + width]
        _compare(own[: width - 1], own[1:], below[: width - 1], below[1:], row[: width - 1])
        row[width - 1] = own[width - 1] ^ below[width - 1]
    wide = width + 2 * thickness
    flat, out = squares.reshape(squares.size), edges.reshape(edges.size)
    _copy(flat[: out.size], out)
    for number in range(1, 2 * thickness):
        _unite(flat[number * wide : number * wide + out.size], out)
    _copy(out, flat[: out.size])
    for number in range(1, 2 * thickness):
        _unite(flat[number : out.size], out[: out.size - number])
    _flag(out)


@numba.njit(_I8(_LINE, _LINE, _OUT, numba.uint64[::1], _STARTS), **_OPTIONS)
def _cut(
    labels: _Bytes, edges: _Bytes, changed: _Bytes, eights: npt.NDArray[np.uint64], starts: _Counts
) -> int:
    """Cut a row into runs of pixels that are drawn alike.

    Args:
        labels: The row, shape (W,).
        edges: 1 for a border, at least as long.
        changed: Room, zeros from W on, shape of a multiple of 8.
        eights: The same memory.
        starts: Written to: where each run starts, and W at the end, shape (W + 1,).

    Returns:
        How many runs there are.
    """
    width = len(labels)
    before = width - 1
    _change(labels[1:], labels[:before], edges[1:width], edges[:before], changed[1:width])
    changed[0] = 1
    count = 0
    for number in range(len(eights)):
        if eights[number]:
            for place in range(8 * number, 8 * number + 8):
                if changed[place]:
                    starts[count] = place
                    count += 1
    starts[count] = width
    return count


@numba.njit(numba.void(_LINE, _OUT, _I8, _I8), **_OPTIONS)
def _copy_run(source: _Bytes, target: _Bytes, start: int, stop: int) -> None:
    """Copy the three bytes of the pixels from ``start`` to ``stop``."""
    if stop - start < _SHORT:
        for place in range(3 * start, 3 * stop):
            target[place] = source[place]
    else:
        _copy(source[3 * start : 3 * stop], target[3 * start : 3 * stop])


@numba.njit(
    numba.void(
        _PICTURE, _PLANE, _PLANE, _PLANE, _LINE, _F4, _F4, _I8, _OUT_PICTURE, _STARTS, _I8, _I8
    ),
    **_OPTIONS,
)
def overlay_rows(
    image: Image,
    labels: LabelMap,
    colors: _Bytes,
    lines: _Bytes,
    drawn: _Bytes,
    rest: float,
    alpha: float,
    thickness: int,
    out: Image,
    counts: _Counts,
    first: int,
    last: int,
) -> None:
    """Draw some rows of an overlay.

    Args:
        image: The photograph, shape (H, W, 3).
        labels: Shape (H, W).
        colors: A row of pixels in the colour of each label, shape (256, 3 W).
        lines: The same in the colour of its outline.
        drawn: Which labels are drawn, shape (256,).
        rest: Share of the photograph.
        alpha: Share of the colour.
        thickness: That of the outlines on each side of a border; 0 draws none.
        out: Written to, shape (H, W, 3).
        counts: Pixels of each label are added here, shape (256,).
        first: Row to begin with.
        last: Row to stop before.
    """
    width = labels.shape[1]
    wide = width + 2 * thickness
    squares = np.zeros((_ROWS + 2 * thickness, wide), np.uint8)
    edges = np.zeros((_ROWS, wide), np.uint8)
    changed = np.zeros(8 * ((width + 7) // 8), np.uint8)
    eights = changed.view(np.uint64)
    starts = np.zeros(width + 1, np.int64)
    color = np.zeros(3 * width, np.uint8)
    for top in range(first, last, _ROWS):
        bottom = min(top + _ROWS, last)
        if thickness > 0:
            squares[:] = 0
            number = bottom - top
            _borders(labels, thickness, top, squares[: number + 2 * thickness - 1], edges[:number])
        for y in range(top, bottom):
            row, edge = labels[y], edges[y - top]
            runs = _cut(row, edge, changed, eights, starts)
            below, result = image[y].reshape(3 * width), out[y].reshape(3 * width)
            for run in range(runs):
                start, stop = starts[run], starts[run + 1]
                counts[row[start]] += stop - start
                _copy_run(colors[row[start]], color, start, stop)
            blend_bytes(below, color, result, rest, alpha)
            for run in range(runs):
                start, stop = starts[run], starts[run + 1]
                if drawn[row[start]] == 0:
                    _copy_run(below, result, start, stop)
                elif edge[start] != 0:
                    _copy_run(lines[row[start]], result, start, stop)
