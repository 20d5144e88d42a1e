"""Turns outlines into masks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from easyseg._types import Mask
from easyseg.errors import InputError


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
    corners = _checked(points)
    height, width = size
    toggles = np.zeros((height, width + 1), np.uint8)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        top, bottom = min(y0, y1), max(y0, y1)
        rows = np.arange(max(0, np.ceil(top - 0.5)), min(height, np.ceil(bottom - 0.5)), dtype=int)
        crossing = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        # The first pixel whose centre lies at or behind the crossing.
        columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)
        toggles[rows, columns] ^= 1
    inside: Mask = np.logical_xor.accumulate(toggles[:, :width], axis=1)
    return inside


def fill_polygons(rings: Sequence[npt.ArrayLike], size: tuple[int, int]) -> Mask:
    """Fills several polygons; the mask is their union.

    Args:
        rings: Polygons as for `fill_polygon`.
        size: (height, width) of the mask.

    Returns:
        bool (height, width).

    Raises:
        InputError: As `fill_polygon`.
    """
    mask: Mask = np.zeros(size, np.bool_)
    for ring in rings:
        mask |= fill_polygon(ring, size)
    return mask


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
