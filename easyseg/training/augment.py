"""Cuts a random square out of a photograph and its labels, and changes it a little."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from easyseg._types import AnyArray, Image, LabelMap, Mask
from easyseg.datasets.base import VOID
from easyseg.pictures.image import resize
from easyseg.transforms import Preprocess


class Crop(NamedTuple):
    """What the network is to learn from.

    Attributes:
        image: RGB uint8 (crop, crop, 3).
        labels: uint8 (crop, crop); 255 where there is no class, or no photograph.
        inside: bool (crop, crop), where there is a photograph.
    """

    image: Image
    labels: LabelMap
    inside: Mask


@dataclass(frozen=True)
class Augment:
    """Random enlargement, place, mirror image and colours.

    Attributes:
        crop: Side of the square, in pixels.
        preprocess: The model's, whose resize rule tells what an enlargement of 1 is.
        scale: Range of the enlargement.
        flip: Whether to mirror half of the crops.
        color: Strength of the changes of colour, 0 to 1.
    """

    crop: int
    preprocess: Preprocess
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    color: float = 0.5

    def __call__(
        self,
        image: Image,
        labels: LabelMap | None,
        rng: np.random.Generator,
        focus: int | None = None,
    ) -> Crop:
        """Makes a crop.

        Args:
            image: RGB uint8 (H, W, 3).
            labels: uint8 (H, W); None makes them void.
            rng: Where randomness comes from; the same state gives the same crop.
            focus: Class that the crop is to hold, where the labels do.

        Returns:
            The crop.
        """
        if labels is None:
            labels = np.full(image.shape[:2], VOID, np.uint8)
        low, high = self.scale
        enlargement = math.exp(rng.uniform(math.log(low), math.log(high)))
        factors = model_scale(self.preprocess, image.shape[:2])
        extent = [max(1, round(self.crop / (factor * enlargement))) for factor in factors]
        corner = self._corner(labels, extent, rng, focus)
        window, inside = _cut(image, corner, extent, padding_color(self.preprocess))
        ids, _ = _cut(labels, corner, extent, VOID)
        square = (self.crop, self.crop)
        window, ids = resize(window, square, "area"), resize(ids, square, "nearest")
        inside = resize(inside.view(np.uint8), square, "nearest").astype(np.bool_)
        if self.flip and rng.random() < 0.5:
            window, ids, inside = window[:, ::-1], ids[:, ::-1], inside[:, ::-1]
        if self.color:
            window = jitter(window, self.color, rng)
            if not inside.all():
                window[~inside] = padding_color(self.preprocess)
        return Crop(*(np.ascontiguousarray(part) for part in (window, ids, inside)))

    def _corner(
        self, labels: LabelMap, extent: list[int], rng: np.random.Generator, focus: int | None
    ) -> list[int]:
        """Chooses the top left corner of the window, in pixels of the photograph."""
        places = np.flatnonzero(labels == focus) if focus is not None else np.zeros(0, int)
        pixel: tuple[AnyArray, ...] | None = None
        if places.size:
            pixel = np.unravel_index(places[rng.integers(places.size)], labels.shape)
        corner = []
        for axis, (side, span) in enumerate(zip(labels.shape, extent, strict=True)):
            low, high = min(0, side - span), max(0, side - span)
            if pixel is None:
                corner.append(int(rng.integers(low, high + 1)))
            else:
                wanted = int(pixel[axis]) - int(rng.integers(span))
                corner.append(min(max(wanted, low), high))
        return corner


def model_scale(preprocess: Preprocess, size: tuple[int, ...]) -> tuple[float, float]:
    """Tells how much the model's resize rule enlarges a photograph.

    Args:
        preprocess: The model's.
        size: (height, width) of the photograph.

    Returns:
        Factor down and across; the same unless the rule is `"fixed"`.
    """
    height, width = size[0], size[1]
    wanted = preprocess.size
    if preprocess.resize == "fixed":
        sides = (wanted, wanted) if isinstance(wanted, int) else wanted
        return sides[0] / height, sides[1] / width
    if preprocess.resize == "native" or not isinstance(wanted, int):
        return 1.0, 1.0
    if preprocess.resize == "long_side":
        factor = wanted / max(height, width)
    else:
        factor = wanted / min(height, width)
        if preprocess.max_size is not None:
            factor = min(factor, preprocess.max_size / max(height, width))
    return factor, factor


def padding_color(preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    """Gives the RGB colour of what lies outside a photograph: uint8 (3,), the model's mean."""
    values = preprocess.pad_value
    if values is None:
        values = tuple(mean / preprocess.scale for mean in preprocess.mean)  # type: ignore[assignment]
    color = np.clip(np.rint(values), 0, 255).astype(np.uint8)  # type: ignore[arg-type]
    ordered: npt.NDArray[np.uint8] = color[::-1] if preprocess.channel_order == "bgr" else color
    return ordered


def jitter(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Changes brightness, contrast, saturation and colour balance a little.

    Args:
        image: RGB uint8 (H, W, 3).
        strength: 0 to 1.
        rng: Where randomness comes from.

    Returns:
        A new image.
    """
    saturation, contrast = 1 + strength * rng.uniform(-0.6, 0.6, 2)
    gain = contrast * (1 + strength * rng.uniform(-0.12, 0.12, 3))
    shift = strength * rng.uniform(-40, 40)
    # All of them are linear, and so are one matrix: what it takes from each channel, and adds.
    grey = np.full((3, 3), 1 / 3)
    matrix = (grey + (np.eye(3) - grey) * saturation) * gain[:, np.newaxis]
    offset = 127 + shift - 127 * gain
    values = image.reshape(-1, 3).astype(np.float32) @ matrix.T.astype(np.float32)
    values += (offset + 0.5).astype(np.float32)
    changed: Image = np.clip(values, 0, 255, out=values).astype(np.uint8).reshape(image.shape)
    return changed


def _cut(
    array: AnyArray, corner: list[int], extent: list[int], fill: npt.ArrayLike
) -> tuple[AnyArray, Mask]:
    """Cuts a window that may reach over the border; also tells where the photograph is."""
    window = np.empty((*extent, *array.shape[2:]), array.dtype)
    window[...] = fill
    inside = np.zeros(extent, np.bool_)
    source, target = [], []
    for start, span, side in zip(corner, extent, array.shape[:2], strict=True):
        first, last = max(start, 0), min(start + span, side)
        source.append(slice(first, last))
        target.append(slice(first - start, last - start))
    window[tuple(target)] = array[tuple(source)]
    inside[tuple(target)] = True
    return window, inside
