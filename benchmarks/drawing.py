"""The segmentation drawn over a picture of 1920x1080."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import subjects
from benchmarks.measure import Results, compare
from benchmarks.subjects import Settings
from easyseg import render
from easyseg._types import Image, LabelMap
from easyseg.drawing import draw
from easyseg.labels import ADE20K
from easyseg.pictures import image as media
from easyseg.render.colorize import color_table
from easyseg.render.legend import draw_legend_
from easyseg.render.overlay import COMPILED
from easyseg.transforms import Geometry, restore

PART = "drawing"
SIZE = (1080, 1920)
USUAL = "palette[labels], blended by NumPy"


def run(settings: Settings) -> Results:
    """Measures the usual ways and ours."""
    image = media.resize(media.read(subjects.EXAMPLES / "astronaut.jpg"), SIZE)
    labels = restore(subjects.real_logits(), Geometry(SIZE, SIZE, SIZE))
    ids = tuple(range(len(ADE20K)))
    canvas = image.copy()
    kinds: dict[str, dict[str, bool]] = {
        "colours": {"outline": False, "legend": False},
        "colours and outlines": {"legend": False},
        "colours, outlines, legend": {},
    }
    ways: dict[str, Callable[[], object]] = {
        USUAL: lambda: _usual(image, labels),
        "one class after another": lambda: class_by_class(image, labels),
    }
    compiled = COMPILED._module if COMPILED.load() else None
    for name, options in kinds.items():
        ways[f"easyseg, {name}"] = partial(_overlay, None, image, labels, options)
        if compiled is not None:
            ways[f"easyseg, numba, {name}"] = partial(_overlay, compiled, image, labels, options)
    results = compare(PART, "overlay at 1920x1080", ways, settings.turns, USUAL)
    steps = {
        "colours": lambda: draw.lookup(labels, color_table(ADE20K)),
        "borders": lambda: draw.borders(labels, 2),
        "legend": lambda: draw_legend_(canvas, draw.count(labels), ADE20K, ids),
    }
    return results + compare(PART, "steps at 1920x1080", steps, settings.turns, "colours")


def _overlay(compiled: Any, image: Image, labels: LabelMap, options: dict[str, bool]) -> Image:
    """Draws with the kernels of numba, or without any."""
    COMPILED._module = compiled
    return render.overlay(image, labels, ADE20K, **options)


def _usual(image: Image, labels: LabelMap) -> Image:
    color = color_table(ADE20K)[labels]
    return (0.4 * image + 0.6 * color).astype(np.uint8)


def class_by_class(image: Image, labels: LabelMap) -> Image:
    """Colours as scripts that are copied around do it, PixelLib's among them."""
    color = np.zeros_like(image)
    for class_id in np.unique(labels):
        color[labels == class_id] = ADE20K.color(int(class_id))
    return (0.4 * image + 0.6 * color).astype(np.uint8)
