"""Exact outlines of areas: polygons along the edges of the pixels, with their holes."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from easyseg._types import Mask
from easyseg.drawing.outlines import Ring, simplified
from easyseg.export.regions import Region

# A corner of the grid has four pixels around it; their bits: up left 1, up right 2, down left 4,
# down right 8. The outline turns where one or three of them are inside, and twice where two are
# that touch by the corner only.
_FALLING, _RISING = 1 | 8, 2 | 4
_TURNS = np.array([bin(bits).count("1") % 2 for bits in range(16)], np.bool_)
_TURNS[[_FALLING, _RISING]] = True


def outline(region: Region, *, simplify: float = 0.0) -> list[Ring]:
    """Traces an area.

    Pixel (row, column) covers [column, column + 1) x [row, row + 1), as for
    `easyseg.datasets.polygons.fill_polygon`: filled by the even-odd rule, unsimplified rings give
    exactly the area's pixels back. No ring crosses or repeats itself; rings may touch in a corner.

    Args:
        region: The area.
        simplify: How far, in pixels, the outline may run from the exact one.

    Returns:
        The outer ring, then one for each hole; in the coordinates of the whole picture. Seen on a
        screen, the outer one runs clockwise and holes run the other way.
    """
    exterior, *holes = rings_of(region.mask)
    corner = np.array([region.left, region.top], np.int32)
    clockwise = [_directed(exterior, True), *(_directed(hole, False) for hole in holes)]
    return [simplified(ring + corner, simplify) for ring in clockwise]


def rings_of(mask: Mask) -> list[Ring]:
    """Traces the edges between the inside and the outside of a mask.

    The corners of the outline are sorted along the rows, where each one is joined to its
    neighbour, and along the columns, where it is joined to another; the rings are what hangs
    together. Only corners are visited one by one, not pixels.

    Args:
        mask: bool (H, W), with at least one pixel inside.

    Returns:
        The rings; that of the area's first pixel, row by row, comes first.
    """
    places, bits = _corners(mask)
    across = mask.shape[1] + 1
    # Where areas touch by a corner there are two turns: that of the left edge comes first.
    twice = np.isin(bits, (_FALLING, _RISING))
    turns = np.repeat(places, 1 + twice)
    second = np.zeros(len(turns), np.int64)
    second[1:] = turns[1:] == turns[:-1]
    rising = np.repeat(bits == _RISING, 1 + twice)
    rows, columns = np.divmod(turns, across)
    # The turn of the left edge goes up beside a pixel up left, and down beside one down left.
    in_column = np.lexsort((second ^ rising, rows, columns))
    above_or_below = np.empty(len(turns), np.int64)
    above_or_below[in_column[0::2]], above_or_below[in_column[1::2]] = (
        in_column[1::2],
        in_column[0::2],
    )
    corners = np.stack([columns, rows], axis=1).astype(np.int32)
    rings = (corners[ring] for ring in _cycles(above_or_below))
    if not twice.any():
        return list(rings)
    return [piece for ring in rings for piece in _without_touching(ring)]


def area_of(ring: Ring) -> int:
    """Twice the signed area of a ring in square pixels; positive for clockwise on a screen."""
    x, y = ring.astype(np.int64).T
    return int(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _corners(mask: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Places, row by row, where the outline turns, with the bits of the pixels around them."""
    padded = np.pad(mask, 1).view(np.uint8)
    bits = padded[:-1, :-1] | padded[:-1, 1:] << 1 | padded[1:, :-1] << 2 | padded[1:, 1:] << 3
    flat = bits.reshape(-1).view(np.uint8)
    places = np.flatnonzero(_TURNS[flat])
    return places.astype(np.int64, copy=False), flat[places]


def _cycles(above_or_below: npt.NDArray[np.int64]) -> Iterator[list[int]]:
    """Walks along the turns: to the neighbour in the row, then to that in the column."""
    vertical = above_or_below.tolist()
    left = [True] * len(vertical)
    for start in range(0, len(vertical), 2):
        if not left[start]:
            continue
        ring, turn = [], start
        while left[turn]:
            beside = turn ^ 1
            left[turn] = left[beside] = False
            ring += [turn, beside]
            turn = vertical[beside]
        yield ring


def _without_touching(ring: Ring) -> Iterator[Ring]:
    """Cuts a ring that comes back to one of its corners; the part with its start comes first."""
    path: list[tuple[int, int]] = []
    at: dict[tuple[int, int], int] = {}
    pieces = []
    for corner in map(tuple, ring.tolist()):
        if corner in at:
            begin = at[corner]
            pieces.append(path[begin:])
            for gone in path[begin:]:
                del at[gone]
            del path[begin:]
        at[corner] = len(path)
        path.append(corner)
    for piece in (path, *pieces):
        yield np.array(piece, np.int32)


def _directed(ring: Ring, clockwise: bool) -> Ring:
    return ring if (area_of(ring) > 0) == clockwise else ring[::-1]
