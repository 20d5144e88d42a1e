"""A label map in its palette's colours."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from easyseg._types import Image, LabelMap
from easyseg.drawing import draw
from easyseg.labels import LabelSet
from easyseg.render.check import check_labels

_WHITE_IN_OUTLINES = 0.45


@lru_cache(maxsize=16)
def color_table(label_set: LabelSet) -> npt.NDArray[np.uint8]:
    """Extend the palette to all 256 label values, black beyond the classes.

    Returns:
        (256, 3) uint8 RGB, read-only.
    """
    table = np.zeros((256, 3), np.uint8)
    table[: len(label_set)] = label_set.palette
    table.flags.writeable = False
    return table


@lru_cache(maxsize=16)
def outline_table(label_set: LabelSet) -> npt.NDArray[np.uint8]:
    """Make of each colour a bright variant that stands out from a translucent area of the same hue.

    Pure colours are taken to their full strength, greys are left as they are (their lines would
    outshine the others), and both are mixed with white.

    Returns:
        (256, 3) uint8 RGB, read-only.
    """
    colors = color_table(label_set).astype(np.float64)
    strongest = np.maximum(colors.max(axis=1, keepdims=True), 1)
    saturation = 1 - colors.min(axis=1, keepdims=True) / strongest
    vivid = colors * (1 + saturation * (255 / strongest - 1))
    bright: npt.NDArray[np.uint8] = np.rint(vivid + _WHITE_IN_OUTLINES * (255 - vivid)).astype(
        np.uint8
    )
    bright.flags.writeable = False
    return bright


def colorize(labels: LabelMap, label_set: LabelSet) -> Image:
    """Paint every pixel in its class's palette colour.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives the palette.

    Returns:
        A new (H, W, 3) uint8 RGB image; void, and any id the set does not have, is black.

    Raises:
        InputError: ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    return draw.lookup(labels, color_table(label_set))
