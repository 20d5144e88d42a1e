"""How a network wants its pictures: their size, padding and range of values."""

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from easyseg._types import FloatMap, Image
from easyseg.errors import InputError
from easyseg.pictures import image as media_image
from easyseg.transforms.geometry import Geometry

MOST_PIXELS = 2**26
"""What a picture may be enlarged to: beyond it, a strip 4000x3 would become one of 682667x512."""

_CHOICES = {
    "channel_order": ("rgb", "bgr"),
    "resize": ("short_side", "long_side", "fixed", "native"),
    "padding": ("bottom_right", "center"),
    "interpolation": ("antialiased", "area", "bilinear", "bicubic", "nearest"),
}


class Normalization(NamedTuple):
    """What pixels become in a network's input: `pixel * factor + shift`, in float32.

    Attributes:
        factor: Float32, shape (3,), in the order of the channels that the network sees.
        shift: The same.
        border: Values of the padding, the same.
    """

    factor: FloatMap
    shift: FloatMap
    border: FloatMap


@dataclass(frozen=True)
class Preprocess:
    """The recipe that turns a photograph into a network's input.

    Resizing keeps the proportions, except for "fixed". A side of x pixels becomes
    `int(x * factor + 0.5)`, as in mmsegmentation, and never less than 1; see `corner_stride`.

    Attributes:
        mean: Of the values after `scale`, in the order of `channel_order`.
        std: The same; the network sees `(pixel * scale - mean) / std`.
        scale: Factor on the pixels 0..255.
        channel_order: Order of the channels the network sees.
        resize: "short_side" brings the shorter side to `size`, or less where the longer would
            exceed `max_size`; "long_side" brings the longer one to `size`, up or down; "fixed"
            brings both to `size` without regard to proportions; "native" keeps them.
        size: Pixels; (height, width) or one number for both with "fixed"; unused with "native".
        max_size: Limit of the longer side, for "short_side" only.
        corner_stride: Sides become the nearest of `k * corner_stride + 1`, k at least 1, so that
            the corners of the features of every layer lie on those of the picture, as networks
            trained with aligned corners want it. None leaves them.
        divisor: The canvas is padded until both sides are multiples of this.
        square: Whether the canvas is padded to a square first.
        padding: Where the picture lies on the canvas: in the top left corner, so that all padding
            is "bottom_right", or in the "center".
        pad_value: Colour of the padding, 0..255 in the order of `channel_order`, normalised like
            the picture. None: zeros after normalisation.
        interpolation: "area" averages where the picture shrinks and is bilinear where it grows.
            "antialiased" is bilinear with a kernel that widens as the picture shrinks, as Pillow's
            is: softer, and seven times as fast.
        align_corners: How the network's logits are to be enlarged, see `Geometry`.

    Raises:
        InputError: A value is not one of those above, or two of them contradict each other.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float = 1 / 255
    channel_order: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["short_side", "long_side", "fixed", "native"] = "long_side"
    size: int | tuple[int, int] = 512
    max_size: int | None = None
    corner_stride: int | None = None
    divisor: int = 1
    square: bool = False
    padding: Literal["bottom_right", "center"] = "bottom_right"
    pad_value: tuple[float, float, float] | None = None
    interpolation: Literal["antialiased", "area", "bilinear", "bicubic", "nearest"] = "area"
    align_corners: bool = False

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        self._check_values()
        self._check_sizes()

    def __call__(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize, pad and normalise a photograph.

        Args:
            image: RGB, uint8, shape (H, W, 3), any strides.

        Returns:
            The input, float32, contiguous, shape (1, 3, h, w), and the way back.

        Raises:
            InputError: It is no such array, or the rule would enlarge it beyond reason.
        """
        image, geometry = self.fit(image)
        return self._normalize(image, geometry), geometry

    def fit(self, image: Image) -> tuple[Image, Geometry]:
        """Do the first half of a call: resize a photograph, and find its place on the canvas.

        Args:
            image: RGB, uint8, shape (H, W, 3), any strides.

        Returns:
            RGB, uint8, shape (h, w, 3), the photograph itself where it keeps its size; and the way
            back. `easyseg.transforms.lay_out` does the second half on a device.

        Raises:
            InputError: As a call does.
        """
        _check_image(image)
        geometry = self._geometry(*image.shape[:2])
        if geometry.resized != geometry.original:
            image = self._resize(image, geometry.resized)
        return image, geometry

    def _resize(self, image: Image, size: tuple[int, int]) -> Image:
        if self.interpolation != "antialiased":
            return media_image.resize(image, size, self.interpolation)
        # PyTorch warns of arrays that cannot be written to, and knows no negative strides, which
        # a side of one pixel may have although the array is contiguous.
        if not image.flags.writeable or min(image.strides) < 0:
            image = image.copy()
        planes = torch.from_numpy(image).permute(2, 0, 1)[None]
        resized = F.interpolate(planes, size, mode="bilinear", antialias=True)
        return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())

    @property
    def normalization(self) -> Normalization:
        """What the pixels and the padding become."""
        factor = np.array([self.scale / std for std in self.std], np.float32)
        shift = np.array(
            [-mean / std for mean, std in zip(self.mean, self.std, strict=True)], np.float32
        )
        border = np.zeros(3) if self.pad_value is None else self.pad_value * factor + shift
        return Normalization(factor, shift, border.astype(np.float32))

    def with_size(self, size: int | tuple[int, int]) -> "Preprocess":
        """Give the same recipe for another size; `max_size` changes in proportion.

        Args:
            size: As the attribute.

        Raises:
            InputError: The size does not fit the rule, or the rule is "native", which has none.
        """
        if self.resize == "native":
            raise InputError(
                f"this model takes photographs at their own size, so its size cannot be {size}; "
                "resize the photograph instead"
            )
        changed = replace(self, size=size, max_size=None)
        if self.max_size is None:
            return changed
        return replace(changed, max_size=round(self.max_size * _one(size) / _one(self.size)))

    def _geometry(self, height: int, width: int) -> Geometry:
        """Work out where a photograph of this size goes."""
        resized = self._resized(height, width)
        if resized[0] * resized[1] > max(MOST_PIXELS, height * width):
            raise InputError(
                f"a photograph {width} wide and {height} high would be enlarged to "
                f"{resized[1]} x {resized[0]}; crop it, or set max_size"
            )
        canvas = (max(resized), max(resized)) if self.square else resized
        padded = (_multiple(canvas[0], self.divisor), _multiple(canvas[1], self.divisor))
        offset = (0, 0)
        if self.padding == "center":
            offset = ((padded[0] - resized[0]) // 2, (padded[1] - resized[1]) // 2)
        return Geometry((height, width), resized, padded, offset, self.align_corners)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize == "native":
            return self._side(height), self._side(width)
        if self.resize == "fixed":
            sides = self.size if isinstance(self.size, tuple) else (self.size, self.size)
            return self._side(sides[0]), self._side(sides[1])
        if self.resize == "long_side":
            factor = _one(self.size) / max(height, width)
        else:
            factor = _one(self.size) / min(height, width)
            if self.max_size is not None:
                factor = min(factor, self.max_size / max(height, width))
        return self._side(height * factor), self._side(width * factor)

    def _side(self, length: float) -> int:
        """Round a side to whole pixels, or to the nearest that aligns all corners."""
        if self.corner_stride is None:
            return max(1, int(length + 0.5))
        return max(1, int((length - 1) / self.corner_stride + 0.5)) * self.corner_stride + 1

    def _normalize(self, image: Image, geometry: Geometry) -> torch.Tensor:
        """Lay the resized image on its canvas, one multiplication and one sum for each value."""
        factor, shift, border = self.normalization
        canvas: FloatMap = np.empty((1, 3, *geometry.padded), np.float32)
        if geometry.padded != geometry.resized:
            canvas[0] = border[:, None, None]
        (top, left), (height, width) = geometry.offset, geometry.resized
        inner = canvas[0, :, top : top + height, left : left + width]
        if self.channel_order == "bgr":
            image = image[..., ::-1]
        for channel in range(3):
            np.multiply(image[..., channel], factor[channel], out=inner[channel], dtype=np.float32)
            inner[channel] += shift[channel]
        return torch.from_numpy(canvas)

    def _check_values(self) -> None:
        _check_numbers("mean", self.mean)
        _check_numbers("std", self.std)
        if min(self.std) <= 0:
            raise InputError(f"std must be above 0 in every channel, got {self.std}")
        if not (_is_number(self.scale) and self.scale > 0):
            raise InputError(f"scale must be a number above 0, got {self.scale!r}")
        if self.pad_value is not None:
            _check_numbers("pad_value", self.pad_value)
            if min(self.pad_value) < 0 or max(self.pad_value) > 255:
                raise InputError(f"pad_value must be a colour of 0..255, got {self.pad_value}")

    def _check_sizes(self) -> None:
        if isinstance(self.size, tuple):
            if self.resize != "fixed" or len(self.size) != 2:
                raise InputError(
                    f'size must be one whole number with resize="{self.resize}", or (height, '
                    f'width) with resize="fixed", got {self.size}'
                )
            for side in self.size:
                _check_whole("size", side)
        else:
            _check_whole("size", self.size)
        _check_whole("divisor", self.divisor)
        if self.corner_stride is not None:
            _check_whole("corner_stride", self.corner_stride)
        if self.max_size is not None:
            _check_whole("max_size", self.max_size)
            if self.resize != "short_side" or self.max_size < _one(self.size):
                raise InputError(
                    'max_size is for resize="short_side", and must not be below size; got '
                    f'max_size={self.max_size} with resize="{self.resize}", size={self.size}'
                )


def _one(size: int | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def _multiple(length: int, divisor: int) -> int:
    return -(-length // divisor) * divisor


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _check_numbers(name: str, values: tuple[float, float, float]) -> None:
    if not isinstance(values, tuple) or len(values) != 3 or not all(map(_is_number, values)):
        raise InputError(f"{name} must be a tuple of three finite numbers, got {values!r}")


def _check_whole(name: str, value: int) -> None:
    if type(value) is not int or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")


def _check_image(image: Image) -> None:
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image must be a numpy array, RGB uint8 (H, W, 3), got {type(image).__name__}; "
            "easyseg.pictures.image.read makes one of a file or a tensor"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(
            "image must be RGB uint8 (H, W, 3) with at least one pixel, got "
            f"{image.dtype} {image.shape}; easyseg.pictures.image.read converts other kinds"
        )
