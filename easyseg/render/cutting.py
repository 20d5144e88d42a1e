"""Cutting out: pictures whose background is transparent, whole, cropped, or one for each object."""

import math

import numpy as np

from easyseg._types import Alpha, Image, Mask
from easyseg.drawing import filters
from easyseg.drawing.filters import Place
from easyseg.render.check import check_image
from easyseg.render.rim import separate

LEAST_OBJECT = 2e-4
"""Share of the picture below which a connected area is no object but a speck."""

_RIM = 0.01
"""How far the soft rim of an object may reach beyond it, in diagonals of the picture."""


def cut_out(image: Image, alpha: Alpha, *, invert: bool = False) -> Image:
    """Makes what is behind transparent, or what is in front.

    Where everything is transparent, the colours are those of the nearest visible things, and black
    farther away, so that a picture that is scaled or compressed gets no dark rim.

    Args:
        image: RGB uint8 (H, W, 3).
        alpha: What is in front, uint8 (H, W).
        invert: Whether that becomes transparent instead.

    Returns:
        A new RGBA uint8 (H, W, 4) image, its alpha not premultiplied.

    Raises:
        InputError: If the arrays have other types or shapes.
    """
    check_image(image, alpha)
    kept = 255 - alpha if invert else alpha
    return filters.with_alpha(separate(image, kept).cleared(), kept)


def cropped(cutout: Image) -> Image:
    """Cuts off the borders of a picture that are wholly transparent.

    Args:
        cutout: RGBA uint8 (H, W, 4).

    Returns:
        The smallest part with everything visible, a view; the whole picture where nothing is.
    """
    place = _visible(cutout[..., 3])
    return cutout if place is None else cutout[place]


def objects(alpha: Alpha) -> list[Alpha]:
    """Parts what is in front into connected objects; specks are left out.

    Args:
        alpha: What is in front, uint8 (H, W).

    Returns:
        The alpha of each object, uint8 (H, W), the largest first.
    """
    radius = max(1, round(_RIM * math.hypot(*alpha.shape)))
    solid = alpha >= 128
    least = max(1, round(LEAST_OBJECT * alpha.size))
    return [_alone(alpha, solid, *part, radius) for part in filters.components(solid, least)]


def _alone(alpha: Alpha, solid: Mask, part: Mask, place: Place, radius: int) -> Alpha:
    """Keeps one object and its soft rim, which is not solid and not far from it."""
    room = tuple(
        slice(max(0, side.start - radius), min(size, side.stop + radius))
        for side, size in zip(place, alpha.shape, strict=True)
    )
    inner = np.zeros(alpha[room].shape, np.bool_)
    top, left = place[0].start - room[0].start, place[1].start - room[1].start
    inner[top : top + part.shape[0], left : left + part.shape[1]] = part
    kept = inner | (filters.grown(inner, radius) & ~solid[room])
    alone: Alpha = np.zeros_like(alpha)
    alone[room] = np.where(kept, alpha[room], np.uint8(0))
    return alone


def _visible(alpha: Alpha) -> Place | None:
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
