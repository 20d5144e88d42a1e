"""Soft edges: from the probabilities of a coarse grid to the alpha of every pixel.

A guided filter (He, Sun & Tang, "Guided Image Filtering", 2013): around every pixel the alpha is
taken for an affine function of the photograph's colours. The functions are fitted on a reduced
photograph and evaluated on the full one (He & Sun, "Fast Guided Filter", 2015). In the fit a pixel
counts as much as the network is sure of it, so that the colours decide where it is not: weighted
guided upsampling (Liba et al., "Sky Optimization", CVPR Workshops 2020).
"""

from collections.abc import Sequence

import numpy as np

from easyseg._types import Alpha, FloatMap, Image, Mask
from easyseg.drawing import filters
from easyseg.drawing.filters import Planes
from easyseg.pictures.image import resize

LONGEST_SIDE = 320
"""Of the reduced photograph, in pixels."""

RADIUS = 1 / 40
"""Of the square that a function is fitted to, in longest sides: networks err about so much in the
place of a border."""

SMOOTHNESS = 1e-4
"""The variance of colours, 0 to 1, below which an edge counts as noise."""

STEEPNESS = 16.0
"""Probabilities are stretched so much around one half: what is unsure is decided, not left half
transparent, and the width of an edge comes from the photograph alone."""

LEAST_CERTAINTY = 0.02
CONTRAST = 1.4
"""The alpha is stretched so much around one half, so that noise leaves no veil."""

_UNSURE_RADIUS = 3
"""How far from a border of the labels they may be wrong, in pixels of the reduced photograph."""

_SETTLED = 2.0
"""Grey levels of 255 that colours may change the alpha of a settled cell by."""


def reduced_size(shape: tuple[int, int]) -> tuple[int, int]:
    """Gives the size, (height, width), that a photograph is reduced to for the fit."""
    scale = min(1.0, LONGEST_SIDE / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def refine(image: Image, probability: FloatMap) -> Alpha:
    """Finds the alpha of what is in front, along the edges of the photograph.

    Args:
        image: RGB uint8 (H, W, 3).
        probability: That a pixel is in front, float32 of shape `reduced_size(image.shape[:2])`.

    Returns:
        The alpha of every pixel, (H, W).
    """
    guide = filters.planes_of(resize(image, (probability.shape[0], probability.shape[1]), "area"))
    target: FloatMap = np.clip((probability - 0.5) * np.float32(STEEPNESS) + 0.5, 0, 1)
    certainty: FloatMap = np.square(2 * probability - 1) + np.float32(LEAST_CERTAINTY)
    coefficients = _fit(guide / np.float32(255), target, certainty)
    coefficients[3] = 255 * (CONTRAST * (coefficients[3] - 0.5) + 0.5)
    coefficients[:3] *= CONTRAST
    settled, unsettled = _settle(coefficients)
    return filters.affine_alpha(image, coefficients, settled, unsettled)


def guess(mask: Mask) -> FloatMap:
    """Makes up the probability for `refine` where only the labels are known.

    Args:
        mask: What is in front, bool (H, W).

    Returns:
        Float32 of shape `reduced_size(mask.shape)`: unsure near the border, sure farther away.
    """
    share = resize(mask.astype(np.float32), reduced_size(mask.shape), "area")
    return filters.box_mean(np.asarray(share), _UNSURE_RADIUS)


def _settle(coefficients: Planes) -> tuple[Alpha, Mask]:
    """Finds the cells whose alpha is 0 or 255 whatever the colours in them."""
    slopes, offset = 255 * coefficients[:3], coefficients[3]
    behind = offset + np.maximum(slopes, 0).sum(axis=0) < _SETTLED
    in_front = offset + np.minimum(slopes, 0).sum(axis=0) > 255 - _SETTLED
    return np.where(in_front, np.uint8(255), np.uint8(0)), ~(behind | in_front)


def _fit(guide: Planes, target: FloatMap, weight: FloatMap) -> Planes:
    """Fits `target = a . guide + b` in the square around every pixel, by weighted least squares.

    Args:
        guide: (3, h, w), 0 to 1.
        target: (h, w).
        weight: (h, w), above 0.

    Returns:
        (4, h, w), a and b, averaged over the squares that a pixel lies in.
    """
    radius = max(1, round(RADIUS * max(target.shape)))
    total = np.reciprocal(filters.box_mean(weight, radius))

    def mean(plane: FloatMap) -> FloatMap:
        return filters.box_mean(plane * weight, radius) * total

    center, middle = [mean(plane) for plane in guide], mean(target)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    matrix = [mean(guide[i] * guide[j]) - center[i] * center[j] for i, j in pairs]
    for diagonal in (0, 3, 5):
        matrix[diagonal] += np.float32(SMOOTHNESS)
    slopes = _solve(matrix, [mean(guide[i] * target) - center[i] * middle for i in range(3)])
    offset = middle - sum(slope * plane for slope, plane in zip(slopes, center, strict=True))
    return np.stack([filters.box_mean(plane, radius) for plane in (*slopes, offset)])


def _solve(matrix: Sequence[FloatMap], right: Sequence[FloatMap]) -> list[FloatMap]:
    """Solves a symmetric system of three equations for every pixel, by cofactors."""
    rr, rg, rb, gg, gb, bb = matrix
    cofactors = [
        [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg],
        [rb * gb - rg * bb, rr * bb - rb * rb, rg * rb - rr * gb],
        [rg * gb - rb * gg, rg * rb - rr * gb, rr * gg - rg * rg],
    ]
    determinant = rr * cofactors[0][0] + rg * cofactors[0][1] + rb * cofactors[0][2]
    return [(a * right[0] + b * right[1] + c * right[2]) / determinant for a, b, c in cofactors]
