"""The rim of what is in front: the colours of both sides there, and putting pictures together.

Where a pixel belongs to both sides, its colour is a mixture. To move the foreground before another
background without a halo, the two colours are taken apart: blurred fusion (Forte & Pitié,
"Approximate Fast Foreground Colour Estimation", 2021), on a reduced photograph, with its last step
on the full one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from easyseg._types import Alpha, AnyArray, FloatMap, Image
from easyseg.drawing import filters
from easyseg.drawing.filters import Planes
from easyseg.pictures.image import resize

LONGEST_SIDE = 320
"""Of the reduced photograph, in pixels."""

WIDE, NARROW = 16, 2
"""Radii of the two passes of blurred fusion, in pixels of the reduced photograph."""


Colors = npt.NDArray[np.uint8]
"""Colours of N pixels, RGB uint8 (N, 3)."""


@dataclass(frozen=True, eq=False)
class Layers:
    """A photograph taken apart into what is in front and what is behind.

    Attributes:
        image: The photograph, RGB uint8 (H, W, 3).
        alpha: What is in front, (H, W).
        rim: Flat indices of the N pixels that belong to both.
        front: Colours of what is in front there.
        behind: Colours of what is behind there.
    """

    image: Image
    alpha: Alpha
    rim: npt.NDArray[np.int64]
    front: Colors
    behind: Colors

    def foreground(self) -> Image:
        """Gives the photograph with the colours in front at the rim: a new (H, W, 3) image."""
        return _with_rim(self.image, self.rim, self.front)

    def background(self) -> Image:
        """Gives the photograph with the colours behind at the rim: a new (H, W, 3) image."""
        return _with_rim(self.image, self.rim, self.behind)

    def cleared(self) -> Image:
        """Gives what is in front, continued a little way into what is behind, and black beyond.

        Returns:
            A new RGB uint8 (H, W, 3) image.
        """
        size = _reduced_size(self.alpha)
        share = resize(self.alpha, size, "area").astype(np.float32) / np.float32(255)
        picture = filters.planes_of(np.asarray(resize(self.foreground(), size, "area")))
        near = filters.box_mean(share, NARROW) > 0.5 / 255
        continued = filters.image_of(_mean_of(picture, share, NARROW) * near)
        cleared = np.asarray(resize(continued, self.alpha.shape, "bilinear"))
        filters.paste_(cleared, self.image, self.alpha)
        cleared.reshape(-1, 3)[self.rim] = self.front
        return cleared

    def over(self, picture: Image) -> Image:
        """Lays what is in front over another picture.

        Args:
            picture: RGB uint8 (H, W, 3), what is to be behind.

        Returns:
            A new RGB uint8 (H, W, 3) image.
        """
        laid = picture.copy(order="C")
        filters.paste_(laid, self.image, self.alpha)
        share = self.alpha.reshape(-1)[self.rim, np.newaxis].astype(np.float32) / np.float32(255)
        below = picture.reshape(-1, 3)[self.rim]
        mixed = below + (self.front.astype(np.float32) - below) * share
        laid.reshape(-1, 3)[self.rim] = np.rint(mixed)
        return laid


def separate(image: Image, alpha: Alpha) -> Layers:
    """Takes a photograph apart.

    Args:
        image: RGB uint8 (H, W, 3).
        alpha: What is in front, (H, W).

    Returns:
        Its layers.
    """
    image = np.ascontiguousarray(image)
    rim = filters.partial(alpha)
    if not rim.size:
        nothing = np.empty((0, 3), np.uint8)
        return Layers(image, alpha, rim, nothing, nothing)
    front, behind = (
        resize(side, alpha.shape, "bilinear").reshape(-1, 3)[rim].astype(np.float32)
        for side in _sides(image, alpha)
    )
    share = alpha.reshape(-1)[rim, np.newaxis].astype(np.float32) / np.float32(255)
    rest = image.reshape(-1, 3)[rim] - share * front - (1 - share) * behind
    return Layers(
        image, alpha, rim, _bytes(front + share * rest), _bytes(behind + (1 - share) * rest)
    )


def _sides(image: Image, alpha: Alpha) -> tuple[Image, Image]:
    """Estimates the colours of both sides everywhere, on the reduced photograph: RGB uint8."""
    size = _reduced_size(alpha)
    picture = filters.planes_of(np.asarray(resize(image, size, "area")))
    share = resize(alpha, size, "area").astype(np.float32) / np.float32(255)
    front = behind = picture
    for radius in (WIDE, NARROW):
        front = _mean_of(front, share, radius)
        behind = _mean_of(behind, np.float32(1) - share, radius)
        rest = picture - share * front - (1 - share) * behind
        front = np.clip(front + share * rest, 0, 255)
        behind = np.clip(behind + (1 - share) * rest, 0, 255)
    return filters.image_of(front), filters.image_of(behind)


def _reduced_size(alpha: Alpha) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(alpha.shape))
    return max(1, round(alpha.shape[0] * scale)), max(1, round(alpha.shape[1] * scale))


def _mean_of(picture: Planes, share: FloatMap, radius: int) -> Planes:
    """Averages over a square around every pixel, each pixel with its share: (3, h, w)."""
    share = share + np.float32(filters.LEAST_WEIGHT)
    total = np.reciprocal(filters.box_mean(share, radius))
    return np.stack([filters.box_mean(plane * share, radius) * total for plane in picture])


def _bytes(values: AnyArray) -> Colors:
    colors: Colors = np.rint(values.clip(0, 255)).astype(np.uint8)
    return colors


def _with_rim(image: Image, rim: npt.NDArray[np.int64], colors: Colors) -> Image:
    changed = image.copy(order="C")
    changed.reshape(-1, 3)[rim] = colors
    return changed
