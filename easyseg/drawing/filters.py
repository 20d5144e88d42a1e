"""Smoothing, blending and looking up of arrays over OpenCV: what mattes and effects are made of.

A function gives a new array; one whose name ends in an underscore writes into the array it is
given. Images are RGB uint8 (H, W, 3), alphas uint8 (H, W): 0 is behind, 255 in front.
"""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from easyseg._types import Alpha, AnyArray, FloatMap, Image, Mask

LEAST_WEIGHT = 1e-4
"""Weight of a pixel that has none, so that there is a mean wherever there are pixels."""

_PIXELS_A_STRIP = 1 << 16

Planes = npt.NDArray[np.float32]
"""Channels apart, float32 (C, H, W): arithmetic on them is faster than on (H, W, C)."""

Place = tuple[slice, slice]
"""Rows and columns."""


def box_mean(plane: FloatMap, radius: int) -> FloatMap:
    """Averages over a square around every pixel; the plane is mirrored at its borders.

    Args:
        plane: Float32 (H, W).
        radius: The square has a side of `2 * radius + 1` pixels.

    Returns:
        The means, (H, W).
    """
    side = 2 * radius + 1
    means = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return cast(FloatMap, means.reshape(plane.shape))


def gaussian_mean(plane: FloatMap, sigma: float) -> FloatMap:
    """Averages with a Gaussian's weights; the plane is mirrored at its borders.

    Args:
        plane: Float32 (H, W).
        sigma: Standard deviation in pixels, above 0.

    Returns:
        The means, (H, W).
    """
    side = 2 * int(np.ceil(3 * sigma)) + 1
    means = cv2.GaussianBlur(plane, (side, side), sigma, borderType=cv2.BORDER_REFLECT)
    return cast(FloatMap, means.reshape(plane.shape))


def planes_of(image: Image) -> Planes:
    """Splits a picture into its channels: uint8 (H, W, C) to float32 (C, H, W)."""
    channels = cv2.split(np.ascontiguousarray(image))
    return np.stack([channel.reshape(image.shape[:2]) for channel in channels]).astype(np.float32)


def image_of(planes: Planes) -> Image:
    """Rounds channels and puts them together: float32 (3, H, W), 0 to 255, to RGB (H, W, 3)."""
    whole = np.rint(planes).clip(0, 255).astype(np.uint8)
    return cast(Image, cv2.merge(list(whole)).reshape(*planes.shape[1:], 3))


def multiplied(image: Image, alpha: Alpha) -> Image:
    """Multiplies a picture with an alpha: RGB uint8 (H, W, 3), black where the alpha is 0."""
    return cast(Image, cv2.multiply(image, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255))


def gray(image: Image) -> Image:
    """Takes the colours out of a picture, by the luma of BT.601: RGB uint8 (H, W, 3)."""
    return cast(Image, cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def with_alpha(image: Image, alpha: Alpha) -> Image:
    """Puts a picture and its alpha together: RGBA uint8 (H, W, 4), not premultiplied."""
    return cast(Image, cv2.merge([*cv2.split(image), alpha]).reshape(*alpha.shape, 4))


def partial(alpha: Alpha) -> npt.NDArray[np.int64]:
    """Finds the pixels that are neither wholly in front nor wholly behind: flat indices."""
    inside = cv2.inRange(alpha, 1, 254)
    return np.flatnonzero(inside)


def paste_(canvas: Image, image: Image, alpha: Alpha) -> None:
    """Copies the pixels that are wholly in front from `image` into `canvas`."""
    cv2.copyTo(image, cv2.inRange(alpha, 255, 255), canvas)


def components(mask: Mask, least: int) -> list[tuple[Mask, Place]]:
    """Finds the connected parts of a mask; pixels that touch by a corner are connected.

    Args:
        mask: Bool (H, W).
        least: Parts of fewer pixels are left out.

    Returns:
        The mask of each part in its bounding box, and that box, the largest part first.
    """
    count, numbers, facts, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=8
    )
    area = facts[:, cv2.CC_STAT_AREA]
    parts = []
    for number in sorted(range(1, count), key=lambda part: -int(area[part])):
        if area[number] < least:
            break
        left, top, width, height = (int(value) for value in facts[number, :4])
        place = (slice(top, top + height), slice(left, left + width))
        parts.append((numbers[place] == number, place))
    return parts


def grown(mask: Mask, radius: int) -> Mask:
    """Adds the pixels that are at most `radius` pixels away from a mask, by rows and columns."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cast(Mask, cv2.dilate(mask.view(np.uint8), kernel).view(np.bool_))


def affine_alpha(image: Image, coefficients: Planes, settled: Alpha, unsettled: Mask) -> Alpha:
    """Evaluates an affine function of the colours, whose coefficients are given on a coarse grid.

    They are enlarged bilinearly, some rows of the picture at a time, and only where needed.

    Args:
        image: RGB uint8 (H, W, 3).
        coefficients: Float32 (4, h, w): the alpha is `r * c[0] + g * c[1] + b * c[2] + c[3]`.
        settled: (h, w), the alpha of cells that need no evaluation.
        unsettled: (h, w), the cells that do.

    Returns:
        The alpha of every pixel, (H, W).
    """
    (height, width), (rows, columns) = image.shape[:2], settled.shape
    nearest = cv2.resize(settled, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    alpha = cast(Alpha, nearest.reshape(height, width))
    used = np.flatnonzero(unsettled.any(axis=0))
    if not used.size:
        return alpha
    # A cell more on each side: bilinear enlarging looks at the neighbours.
    first, last = max(0, int(used[0]) - 1), min(columns, int(used[-1]) + 2)
    left, right = first * width // columns, -(-last * width // columns)
    # Along the rows first, of which the coarse grid has few.
    wide = np.stack([_widened(plane, width)[:, left:right] for plane in coefficients])
    down = _interpolation(rows, height)
    step = max(1, _PIXELS_A_STRIP // (right - left))
    for top in range(0, height, step):
        strip = slice(top, min(top + step, height))
        cells = slice(max(0, top * rows // height - 1), -(-strip.stop * rows // height) + 1)
        if unsettled[cells].any():
            colors = cv2.split(np.ascontiguousarray(image[strip, left:right]))
            alpha[strip, left:right] = _affine(wide[:, cells], down[strip, cells], colors)
    return alpha


def _affine(coefficients: Planes, down: FloatMap, colors: Sequence[AnyArray]) -> Alpha:
    total = down @ coefficients[3]
    total += np.float32(0.5)  # what follows cuts off
    for plane, color in zip(coefficients, colors, strict=False):
        product = down @ plane
        product *= color.reshape(product.shape)
        total += product
    alpha: Alpha = np.clip(total, 0, 255, out=total).astype(np.uint8)
    return alpha


def _widened(plane: FloatMap, width: int) -> FloatMap:
    wide = cv2.resize(plane, (width, len(plane)), interpolation=cv2.INTER_LINEAR)
    return cast(FloatMap, wide.reshape(len(plane), width))


def _interpolation(cells: int, size: int) -> FloatMap:
    """The matrix (size, cells) that enlarges a column bilinearly, pixels' centres in place."""
    position = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    low = position.astype(np.int64)
    matrix: FloatMap = np.zeros((size, cells), np.float32)
    matrix[np.arange(size), low] = 1 - (position - low)
    matrix[np.arange(size), np.minimum(low + 1, cells - 1)] += (position - low).astype(np.float32)
    return matrix
