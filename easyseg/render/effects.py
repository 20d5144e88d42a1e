"""What can be put behind things, or done to them: blur, grey, a colour, mosaic, another picture.

An effect makes, of a photograph taken apart, the picture that is to be seen behind. It sees the
colours behind only: those of what is in front never run into them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, get_args

import numpy as np

from easyseg._types import Alpha, Color, Image, plain
from easyseg.drawing import filters
from easyseg.drawing.filters import Planes
from easyseg.errors import InputError
from easyseg.options import Fit, Strength
from easyseg.pictures.image import resize
from easyseg.render.check import check_image
from easyseg.render.rim import Layers, separate

STRENGTHS = {"low": 0.2, "moderate": 0.4, "extreme": 0.8}
"""Strengths of a blur or a mosaic by name."""

WIDEST_BLUR = 0.03
"""Standard deviation of the strongest blur, in diagonals of the picture."""

LARGEST_BLOCK = 0.06
"""Side of the largest block of a mosaic, in diagonals of the picture."""

_FINE_SIGMA = 4.0
"""Standard deviation, in pixels of the reduced picture, that a blur is computed with."""


class Effect(Protocol):
    """Makes the picture that is seen behind."""

    def __call__(self, layers: Layers) -> Image:
        """Gives an RGB uint8 (H, W, 3) picture for layers of that size; it is not written to."""


@dataclass(frozen=True)
class Blur:
    """Blurs what is behind, as a lens out of focus.

    Attributes:
        strength: 0 to 1, relative to the size of the picture; or `"low"`, `"moderate"` or
            `"extreme"`.

    Raises:
        InputError: If the strength is none of these.
    """

    strength: Strength = "moderate"

    def __post_init__(self) -> None:
        _number("blur", self.strength)

    def __call__(self, layers: Layers) -> Image:
        """Does so; see `Effect`."""
        shape = layers.alpha.shape
        sigma = _number("blur", self.strength) * WIDEST_BLUR * math.hypot(*shape)
        if sigma < 0.3:
            return layers.background()
        factor = max(1, int(sigma / _FINE_SIGMA))  # whole: the quickest to reduce by
        size = (max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor)))
        weighted = _weighted(layers, size)
        sums = np.stack([filters.gaussian_mean(plane, sigma / factor) for plane in weighted])
        return np.asarray(resize(_mean(sums), (shape[0], shape[1]), "bilinear"))


@dataclass(frozen=True)
class Pixelate:
    """Makes a mosaic of what is behind.

    Attributes:
        strength: Size of the blocks relative to the picture's, 0 to 1; or a name, as for `Blur`.

    Raises:
        InputError: If the strength is none of these.
    """

    strength: Strength = "moderate"

    def __post_init__(self) -> None:
        _number("pixelate", self.strength)

    def __call__(self, layers: Layers) -> Image:
        """Does so; see `Effect`."""
        height, width = layers.alpha.shape
        block = _number("pixelate", self.strength) * LARGEST_BLOCK * math.hypot(height, width)
        blocks = (math.ceil(height / max(2, block)), math.ceil(width / max(2, block)))
        return np.asarray(resize(_mean(_weighted(layers, blocks)), (height, width), "nearest"))


@dataclass(frozen=True)
class Gray:
    """Takes the colours out of what is behind."""

    def __call__(self, layers: Layers) -> Image:
        """Does so; see `Effect`."""
        return filters.gray(layers.background())


@dataclass(frozen=True)
class Fill:
    """Puts one colour behind.

    Attributes:
        color: Red, green, blue, each 0 to 255.

    Raises:
        InputError: If it is no such colour.
    """

    color: Color

    def __post_init__(self) -> None:
        values = self.color
        known = isinstance(values, (tuple, list)) and len(values) == 3
        if not known or not all(_is_byte(value) for value in values):
            raise InputError(
                "a colour is red, green and blue, three whole numbers from 0 to 255 such as "
                f"(0, 255, 0), not {values!r}"
            )

    def __call__(self, layers: Layers) -> Image:
        """Does so; see `Effect`."""
        return np.full(layers.image.shape, self.color, np.uint8)


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Puts another picture behind.

    Attributes:
        image: RGB uint8 (h, w, 3), of any size.
        fit: `"fill"` covers everything and cuts off what is too much, `"fit"` shows all of it
            between black bars, `"stretch"` distorts it.

    Raises:
        InputError: If `fit` is none of these.
    """

    image: Image
    fit: Fit = "fill"
    _fitted: dict[tuple[int, int], Image] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_fit(self.fit)

    def __call__(self, layers: Layers) -> Image:
        """Does so; see `Effect`."""
        height, width = layers.alpha.shape
        if (height, width) not in self._fitted:  # frames of a video share one size
            self._fitted.clear()
            self._fitted[height, width] = fitted(self.image, (height, width), self.fit)
        return self._fitted[height, width]


@dataclass(frozen=True, eq=False)
class Moving:
    """Puts a picture behind that is another one every time, such as a frame of a video.

    Attributes:
        next_image: Called for each picture; gives RGB uint8 (h, w, 3).
        fit: As for `Backdrop`.
    """

    next_image: Callable[[], Image]
    fit: Fit = "fill"

    def __post_init__(self) -> None:
        check_fit(self.fit)

    def __call__(self, layers: Layers) -> Image:
        """Does so; see `Effect`."""
        height, width = layers.alpha.shape
        return fitted(self.next_image(), (height, width), self.fit)


def apply(image: Image, alpha: Alpha, effect: Effect, *, invert: bool = False) -> Image:
    """Applies an effect to what is behind, or to what is in front.

    Args:
        image: RGB uint8 (H, W, 3).
        alpha: What is in front, uint8 (H, W).
        effect: What is done.
        invert: Whether it is done to what is in front instead.

    Returns:
        A new RGB uint8 (H, W, 3) image.

    Raises:
        InputError: If the arrays have other types or shapes.
    """
    check_image(image, alpha)
    layers = separate(image, 255 - alpha if invert else alpha)
    return layers.over(effect(layers))


def fitted(image: Image, size: tuple[int, int], fit: Fit) -> Image:
    """Brings a picture to another size.

    Args:
        image: RGB uint8 (h, w, 3).
        size: The height and width wanted.
        fit: As for `Backdrop`.

    Returns:
        A new RGB uint8 image of that size.
    """
    if fit == "stretch":
        return np.asarray(resize(image, size, "area"))
    choose = max if fit == "fill" else min
    scale = choose(wanted / own for wanted, own in zip(size, image.shape, strict=False))
    if fit == "fill":
        # Cut first: there is less to scale.
        part = [
            min(own, max(1, round(n / scale))) for n, own in zip(size, image.shape, strict=False)
        ]
        top, left = (image.shape[0] - part[0]) // 2, (image.shape[1] - part[1]) // 2
        return np.asarray(resize(image[top : top + part[0], left : left + part[1]], size, "area"))
    inner = [min(n, max(1, round(own * scale))) for n, own in zip(size, image.shape, strict=False)]
    canvas = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    scaled = resize(image, (inner[0], inner[1]), "area")
    canvas[top : top + inner[0], left : left + inner[1]] = scaled
    return canvas


def check_fit(fit: str) -> None:
    """Raises InputError unless this is a way to fit a picture."""
    if fit not in get_args(Fit):
        raise InputError(f"fit must be one of {', '.join(get_args(Fit))}, not {fit!r}")


def _weighted(layers: Layers, size: tuple[int, int]) -> Planes:
    """The colours behind times their share, and the share, 0 to 255, reduced: (4, h, w)."""
    share = 255 - layers.alpha
    colors = resize(filters.multiplied(layers.background(), share), size, "area")
    reduced = resize(share, size, "area").astype(np.float32)
    return np.concatenate([filters.planes_of(np.asarray(colors)), reduced[np.newaxis]])


def _mean(sums: Planes) -> Image:
    """Divides by the share; what has none gets the mean of all."""
    total = sums.sum(axis=(1, 2), dtype=np.float64)
    least = 255 * filters.LEAST_WEIGHT
    everywhere = (total[:3] / max(total[3], least)).astype(np.float32)[:, np.newaxis, np.newaxis]
    share = np.float32(255) / (sums[3] + np.float32(least))
    return filters.image_of((sums[:3] + np.float32(least) * everywhere) * share)


def _number(name: str, strength: Strength) -> float:
    if isinstance(strength, str) and strength in STRENGTHS:
        return STRENGTHS[strength]
    strength = plain(strength)
    number = isinstance(strength, (int, float)) and not isinstance(strength, bool)
    if not number or not 0 <= float(strength) <= 1:
        raise InputError(
            f"the strength of {name} is a number from 0 to 1, or one of {', '.join(STRENGTHS)}, "
            f"not {strength!r}"
        )
    return float(strength)


def _is_byte(value: object) -> bool:
    value = plain(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= int(value) <= 255  # type: ignore[call-overload]
