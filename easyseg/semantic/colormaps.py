"""The small functions of PixelLib's semantic module that other people import."""

import numpy as np
import numpy.typing as npt

from easyseg._types import AnyArray, Image
from easyseg.errors import InputError
from easyseg.labels import ADE20K
from easyseg.labels.label_set import voc_colormap
from easyseg.semantic.values import first_id

_NO_CLASS = "no class"
_BLACK = np.zeros((1, 3), np.uint8)


def create_pascal_label_colormap() -> npt.NDArray[np.uint8]:
    """Makes the colours of PASCAL VOC's development kit.

    Returns:
        (256, 3) uint8 RGB; the first 21 are the classes'.
    """
    return voc_colormap(256)


def create_ade20k_label_colormap() -> npt.NDArray[np.uint8]:
    """Makes the colours of ADE20K, by PixelLib's ids.

    Returns:
        (151, 3) uint8 RGB: black for 0, "no class", then the 150 classes.
    """
    return np.concatenate([_BLACK, ADE20K.palette])


def create_ade20k_label_namemap() -> dict[int, str]:
    """Makes the names of ADE20K's classes, by PixelLib's ids.

    Returns:
        Names of 0, "no class", and of the classes 1 (wall) to 150 (flag).
    """
    return {0: _NO_CLASS, **dict(enumerate(ADE20K.short_names, first_id(ADE20K)))}


def obtain_segmentation(image: AnyArray, nc: int = 21) -> Image:
    """Paints a label map of PASCAL VOC.

    PixelLib paints birds and persons white here; easyseg gives them their own colours.

    Args:
        image: (H, W) whole numbers, the class of each pixel.
        nc: Number of classes to paint, at most 256.

    Returns:
        RGB uint8 (H, W, 3); pixels of other classes are black.

    Raises:
        InputError: If `image` is not such an array, or `nc` out of range.
    """
    if not 0 <= nc <= 256:
        raise InputError(f"nc must be a number of classes, 0 to 256, got {nc!r}")
    labels = _checked(image)
    known = (labels >= 0) & (labels < nc)
    return _painted(np.where(known, labels, 0), create_pascal_label_colormap())


def labelP_to_color_image(label: AnyArray) -> Image:
    """Paints a label map of PASCAL VOC.

    Args:
        label: (H, W) whole numbers, the class of each pixel, 0 to 255.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        InputError: If `label` is not such an array.
    """
    return _painted(_checked(label), create_pascal_label_colormap())


def labelAde20k_to_color_image(label: AnyArray) -> Image:
    """Paints a label map of ADE20K.

    Args:
        label: (H, W) whole numbers, PixelLib's class of each pixel: 0 (none) to 150. Those of a
            `Segmentation` count from 0: add 1.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        InputError: If `label` is not such an array.
    """
    return _painted(_checked(label), create_ade20k_label_colormap())


def _checked(label: AnyArray) -> AnyArray:
    if not isinstance(label, np.ndarray) or label.ndim != 2 or label.dtype.kind not in "ui":
        what = f"{label.dtype} {label.shape}" if isinstance(label, np.ndarray) else repr(label)
        raise InputError(f"expected a label map, whole numbers of shape (H, W), got {what}")
    return label


def _painted(label: AnyArray, colormap: npt.NDArray[np.uint8]) -> Image:
    if label.size and not 0 <= label.min() <= label.max() < len(colormap):
        raise InputError(
            f"expected labels from 0 to {len(colormap) - 1}, got {label.min()} to {label.max()}"
        )
    return colormap[label]
