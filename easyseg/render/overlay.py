"""The segmentation laid over its photograph."""

import math

import numpy as np

from easyseg._types import ClassSelection, Image, LabelMap
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.media import draw
from easyseg.render.check import check_image, drawn_ids
from easyseg.render.colorize import color_table, outline_table
from easyseg.render.legend import draw_legend_


def overlay(
    image: Image,
    labels: LabelMap,
    label_set: LabelSet,
    *,
    alpha: float = 0.6,
    classes: ClassSelection | None = None,
    outline: bool = True,
    legend: bool = True,
    thickness: int | None = None,
) -> Image:
    """Draw classes as translucent areas over the photograph.

    Pixels of the background, of void and of classes left out stay exactly the photograph's, the
    legend's panel apart.

    Args:
        image: RGB uint8 (H, W, 3).
        labels: (H, W) uint8 class ids.
        label_set: Gives the names, the palette and the background.
        alpha: Share of the class colour in the blend: 0 shows the photograph, 1 hides it.
        classes: Draw only these, by id or name; None draws all but the background.
        outline: Whether to draw a thin line along the borders of the drawn classes.
        legend: Whether to list the drawn classes with their share of the picture in a corner.
        thickness: Of the lines, in pixels on each side of a border; None suits the picture.

    Returns:
        A new RGB uint8 (H, W, 3) image.

    Raises:
        InputError: The arrays are not of these types or do not fit each other, ``alpha`` is not
            in 0..1, or a class is not known.
    """
    check_image(image, labels)
    if not isinstance(alpha, (int, float, np.number)) or not 0 <= alpha <= 1:
        raise InputError(f"alpha must be from 0 (photograph) to 1 (plain colour), got {alpha!r}")
    ids = drawn_ids(label_set, classes)
    drawn = draw.select(labels, ids)
    result = draw.lookup(labels, color_table(label_set))
    draw.blend_(result, image, alpha, drawn)
    if outline:
        edges = draw.borders(labels, thickness or outline_thickness(*labels.shape))
        edges &= drawn
        draw.paint_(result, labels, outline_table(label_set), edges)
    if legend:
        draw_legend_(result, labels, label_set, ids)
    return result


def outline_thickness(height: int, width: int) -> int:
    """Pixels on each side of a border: 1 at 1280x960, 2 at 1920x1080, 3 at 3840x2160."""
    return max(1, round(math.sqrt(height * width) / 900))
