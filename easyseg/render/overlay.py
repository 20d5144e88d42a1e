"""The segmentation laid over its photograph."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from easyseg._types import ClassSelection, Image, LabelMap, plain
from easyseg.drawing import draw
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.render.check import check_image, drawn_ids
from easyseg.render.colorize import color_table, outline_table
from easyseg.render.legend import Counts, draw_legend_
from easyseg.transforms.accelerator import Kernels, in_threads

COMPILED = Kernels("easyseg.render.compiled")
"""What draws the same picture faster."""

_WIDEST = 8192
"""Pixels; beyond, a row of every colour would take more memory than is worth it."""


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
    alpha = plain(alpha)
    if not isinstance(alpha, (int, float)) or not 0 <= alpha <= 1:
        raise InputError(f"alpha must be from 0 (photograph) to 1 (plain colour), got {alpha!r}")
    ids = drawn_ids(label_set, classes)
    thickness = (thickness or outline_thickness(*labels.shape)) if outline else 0
    kernels = COMPILED.get() if labels.shape[1] <= _WIDEST else None
    if kernels is not None and _blends_alike(kernels, float(alpha)):
        result, counts = _draw_compiled(
            kernels, image, labels, label_set, ids, float(alpha), thickness
        )
    else:
        result, counts = _draw(image, labels, label_set, ids, alpha, thickness), None
    if legend:
        draw_legend_(result, draw.count(labels) if counts is None else counts, label_set, ids)
    return result


def _draw(
    image: Image,
    labels: LabelMap,
    label_set: LabelSet,
    ids: tuple[int, ...],
    alpha: float,
    thickness: int,
) -> Image:
    drawn = draw.select(labels, ids)
    result = draw.lookup(labels, color_table(label_set))
    draw.blend_(result, image, alpha, drawn)
    if thickness:
        edges = draw.borders(labels, thickness)
        edges &= drawn
        draw.paint_(result, labels, outline_table(label_set), edges)
    return result


def _draw_compiled(
    kernels: Any,
    image: Image,
    labels: LabelMap,
    label_set: LabelSet,
    ids: tuple[int, ...],
    alpha: float,
    thickness: int,
) -> tuple[Image, Counts]:
    """Do as `_draw`, with numba, and count the pixels of each of the 256 possible labels."""
    image, labels = np.ascontiguousarray(image), np.ascontiguousarray(labels)
    colors, lines = _row_tables(label_set, labels.shape[1])
    drawn = np.zeros(256, np.uint8)
    drawn[list(ids)] = 1
    result: Image = np.empty(image.shape, np.uint8)
    parts: list[Counts] = []

    def work(first: int, last: int) -> None:
        counts = np.zeros(256, np.int64)
        kernels.overlay_rows(
            image, labels, colors, lines, drawn, 1 - alpha, alpha, thickness, result, counts,
            first, last,
        )  # fmt: skip
        parts.append(counts)

    in_threads(work, len(labels))
    return result, np.sum(parts, axis=0)


@lru_cache(maxsize=4)
def _row_tables(
    label_set: LabelSet, width: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Fill rows of pixels with each label's colour, and with its outline's: (256, 3 width) both."""
    colors, lines = (
        np.tile(table, (1, width)) for table in (color_table(label_set), outline_table(label_set))
    )
    return colors, lines


@lru_cache(maxsize=64)
def _blends_alike(kernels: Any, alpha: float) -> bool:
    """Whether compiled code rounds as OpenCV does, which depends on the processor."""
    below, above = np.indices((256, 256), np.uint8)
    expected, out = draw.blend(below, above, alpha), np.empty(below.size, np.uint8)
    kernels.blend_bytes(below.reshape(-1), above.reshape(-1), out, 1 - alpha, alpha)
    return np.array_equal(out, expected.reshape(-1))


def outline_thickness(height: int, width: int) -> int:
    """Pixels on each side of a border: 1 at 1280x960, 2 at 1920x1080, 3 at 3840x2160."""
    return max(1, round(math.sqrt(height * width) / 900))
