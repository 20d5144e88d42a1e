"""Joins the rings of an area into one, for formats that know no holes."""

from collections.abc import Iterator

import numpy as np

from easyseg.drawing.outlines import Ring

_CELL = 8
"""Side, in pixels, of the cells in which corners are looked up."""

_GAP = 1 << 256
"""Between the numbers of neighbours; some hundred corners fit in, one behind the other."""


def keyhole(rings: list[Ring]) -> Ring:
    """Joins the rings of an area into one.

    A bridge leads from the corner of the outer ring, or of a hole that is joined already, that is
    nearest to the leftmost corner of a hole, around the hole and back on the same line, so that by
    the even-odd rule the one ring covers what the rings covered.

    Args:
        rings: The outer ring, then the holes.

    Returns:
        A single ring.
    """
    outer, *holes = rings
    if not holes:
        return outer
    web = _Web(outer)
    for hole in sorted(holes, key=lambda ring: int(ring[:, 0].min())):
        web.attach(np.roll(hole, -int(hole[:, 0].argmin()), axis=0))
    return np.array(list(web.walk()), outer.dtype)


class _Web:
    """Rings that hang from one another by bridges.

    Corners are known by their numbers, in the order in which they came. Where several are nearest,
    the first on the way around counts, and that is told by keys that ascend on the way.
    """

    def __init__(self, outer: Ring) -> None:
        self._points: list[tuple[int, int]] = []
        self._next: list[int] = []
        self._keys: list[int] = []
        self._hanging: dict[int, list[range]] = {}
        self._cells: dict[tuple[int, int], list[int]] = {}
        self._outer = self._add(outer)
        self._next[-1] = -1
        self._keys = [corner * _GAP for corner in self._outer]

    def attach(self, hole: Ring) -> None:
        """Hangs a hole, with a bridge to its first corner, on the nearest corner there is."""
        there = self._nearest(int(hole[0, 0]), int(hole[0, 1]))
        after = self._next[there]
        corners = self._add(hole)
        self._next[there], self._next[corners[-1]] = corners[0], after
        self._hanging.setdefault(there, []).append(corners)
        room = _GAP * (len(corners) + 1) if after < 0 else self._keys[after] - self._keys[there]
        step = room // (len(corners) + 1)
        self._keys += [self._keys[there] + step * (i + 1) for i in range(len(corners))]
        if not step:
            self._number_anew()

    def walk(self) -> Iterator[tuple[int, int]]:
        """Goes all the way around; a bridge's ends are met twice."""
        ways = [self._outer]
        while ways:
            way = ways.pop()
            for corner in way:
                yield self._points[corner]
                hanging = () if way.step < 0 else self._hanging.get(corner, ())
                if not hanging:
                    continue
                ways.append(range(corner + 1, way.stop))
                for ring in hanging:  # the last one comes first
                    back = range(corner, corner - 1, -1)
                    ways += [back, range(ring.start, ring.start - 1, -1), ring]
                break

    def _add(self, ring: Ring) -> range:
        corners = range(len(self._points), len(self._points) + len(ring))
        self._points += map(tuple, ring.tolist())
        self._next += [corner + 1 for corner in corners]
        for corner in corners:
            x, y = self._points[corner]
            self._cells.setdefault((x // _CELL, y // _CELL), []).append(corner)
        return corners

    def _nearest(self, x: int, y: int) -> int:
        """The corner at the least distance along the axes; of equal ones the first on the way."""
        best: tuple[int, int, int] | None = None
        reach = 0
        # What is in the cells at some reach is at least this far away, less the cell's own side.
        while best is None or (reach - 1) * _CELL <= best[0]:
            for corner in self._at_reach(x // _CELL, y // _CELL, reach):
                to_x, to_y = self._points[corner]
                found = (abs(to_x - x) + abs(to_y - y), self._keys[corner], corner)
                best = found if best is None else min(best, found)
            reach += 1
        return best[2]

    def _at_reach(self, column: int, row: int, reach: int) -> Iterator[int]:
        """The corners in the cells on a square around one."""
        across = range(column - reach, column + reach + 1)
        for down in (row - reach, row + reach) if reach else (row,):
            for cell in across:
                yield from self._cells.get((cell, down), ())
        for down in range(row - reach + 1, row + reach):
            for cell in (column - reach, column + reach):
                yield from self._cells.get((cell, down), ())

    def _number_anew(self) -> None:
        corner, key = 0, 0
        while corner >= 0:
            self._keys[corner] = key
            corner, key = self._next[corner], key + _GAP
