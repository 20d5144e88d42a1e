"""Turns outlines into masks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from easyseg._types import Mask
from easyseg.errors import InputError

Place = tuple[slice, slice]
"""Rows and columns of a picture."""

Crossings = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
"""For each edge of a polygon, rows and a column in each; ascending rows."""


def fill_polygon(points: npt.ArrayLike, size: tuple[int, int]) -> Mask:
    """Fills a polygon.

    A pixel belongs to it when its centre does, by the even-odd rule; pixel (row, column) covers
    [column, column + 1) x [row, row + 1). Programs that draw the outline too, or that sample it,
    differ from this in some pixels of the border.

    Args:
        points: (P, 2) corners (x, y) in pixels; P at least 3. They may lie outside the picture.
        size: (height, width) of the mask.

    Returns:
        bool (height, width).

    Raises:
        InputError: If the points are not at least 3 pairs of finite numbers.
    """
    place, inside = fill_part([points], size)
    mask: Mask = np.zeros(size, np.bool_)
    mask[place] = inside
    return mask


def fill_part(rings: Sequence[npt.ArrayLike], size: tuple[int, int]) -> tuple[Place, Mask]:
    """Fills several polygons; the mask is their union, and no larger than they are.

    Args:
        rings: Polygons as for `fill_polygon`.
        size: (height, width) of the picture.

    Returns:
        The rows and columns of the picture that the mask is for, and the mask.

    Raises:
        InputError: As `fill_polygon`.
    """
    crossings = [_crossings(_checked(ring), size) for ring in rings]
    place = _around(crossings)
    down, across = place
    mask: Mask = np.zeros((down.stop - down.start, across.stop - across.start), np.bool_)
    for edges in crossings:
        toggles = np.zeros((mask.shape[0], mask.shape[1] + 1), np.bool_)
        for rows, columns in edges:
            toggles[rows - down.start, columns - across.start] ^= True
        mask |= np.logical_xor.accumulate(toggles[:, :-1], axis=1)
    return place, mask


def circle(centre: npt.ArrayLike, edge: npt.ArrayLike, size: tuple[int, int]) -> Mask:
    """Fills a circle.

    Args:
        centre: (x, y) of its centre, in pixels.
        edge: (x, y) of any point on it.
        size: (height, width) of the mask.

    Returns:
        bool (height, width): pixels whose centre lies in it.
    """
    (x, y), (edge_x, edge_y) = np.asarray(centre, float), np.asarray(edge, float)
    rows = np.arange(size[0])[:, np.newaxis] + 0.5 - y
    columns = np.arange(size[1]) + 0.5 - x
    inside: Mask = rows**2 + columns**2 <= (edge_x - x) ** 2 + (edge_y - y) ** 2
    return inside


def _crossings(corners: npt.NDArray[np.float64], size: tuple[int, int]) -> Crossings:
    """Finds for each edge the rows it crosses, and the first pixel behind it there."""
    height, width = size
    edges = []
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        top, bottom = min(y0, y1), max(y0, y1)
        rows = np.arange(max(0, np.ceil(top - 0.5)), min(height, np.ceil(bottom - 0.5)), dtype=int)
        if not rows.size:
            continue
        crossing = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        # The first pixel whose centre lies at or behind the crossing.
        edges.append((rows, np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)))
    return edges


def _around(crossings: Sequence[Crossings]) -> Place:
    """The smallest part of the picture with all of them; empty where there are none."""
    edges = [edge for one in crossings for edge in one]
    if not edges:
        return slice(0, 0), slice(0, 0)
    return (
        slice(min(int(rows[0]) for rows, _ in edges), max(int(rows[-1]) + 1 for rows, _ in edges)),
        slice(
            min(int(columns.min()) for _, columns in edges),
            max(int(columns.max()) for _, columns in edges),
        ),
    )


def _checked(points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    try:
        corners = np.asarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the corners of a polygon must be pairs of numbers: {error}") from error
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise InputError(
            f"a polygon is given by at least 3 corners (x, y), not by shape {corners.shape}"
        )
    if not np.isfinite(corners).all():
        raise InputError("a corner of a polygon is not a finite number")
    return corners
