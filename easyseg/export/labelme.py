"""Annotation files for the program labelme."""

import base64
import json
from typing import Any, NamedTuple

from easyseg._types import Image, LabelMap
from easyseg.datasets.labelme import IGNORED
from easyseg.drawing.outlines import Ring, simplified
from easyseg.export.geojson import check_options
from easyseg.export.outlines import area_of, outline
from easyseg.export.pictures import present
from easyseg.export.regions import regions
from easyseg.labels import LabelSet
from easyseg.pictures.image import encode
from easyseg.render.check import check_labels

BACKGROUND = "_background_"
"""labelme's name for the background, which is id 0 in what its own scripts make."""

_VERSION = "5.5.0"


def labelme(
    labels: LabelMap,
    label_set: LabelSet,
    image_path: str,
    *,
    image: Image | None = None,
    simplify: float = 1.0,
    min_area: int = 1,
) -> bytes:
    """Writes the areas as polygons that can be corrected in labelme.

    labelme's polygons have no holes, and later ones lie on top of earlier ones. So larger areas
    come first, what lies in their holes afterwards, and a background or void that does is a polygon
    of its own. Where `simplify` is 0, reading them gives exactly the labels back.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives the names.
        image_path: Where the photograph is, from the annotation file's folder; forward slashes.
        image: The photograph, RGB uint8 (H, W, 3), to be stored in the file, for one that is no
            file itself.
        simplify: How far, in pixels, an outline may run from the exact one.
        min_area: Areas with fewer pixels are left out.

    Returns:
        The file, JSON.

    Raises:
        InputError: An option is wrong, or ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    simplify, min_area = check_options(simplify, min_area)
    shapes = _nested(labels, label_set, simplify, min_area)
    height, width = labels.shape
    content = {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None if image is None else base64.b64encode(encode(image)).decode("ascii"),
        "imageHeight": height,
        "imageWidth": width,
    }
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


class _Traced(NamedTuple):
    """An area on its way into the file."""

    class_id: int
    ring: Ring
    covered: int
    box: tuple[int, int, int, int]
    has_holes: bool

    def may_hold(self, other: "_Traced") -> bool:
        """Whether another area may lie in a hole of this one, judged by their boxes."""
        left, top, width, height = self.box
        x, y, across, down = other.box
        inside = left < x and top < y and x + across < left + width and y + down < top + height
        return self.has_holes and inside


def _nested(
    labels: LabelMap, label_set: LabelSet, simplify: float, min_area: int
) -> list[dict[str, Any]]:
    """Shapes in such an order that each one lies on top of those around it."""
    areas = []
    for region in regions(labels, (*present(labels, label_set), label_set.void), min_area=min_area):
        exterior, *holes = outline(region)
        areas.append(
            _Traced(
                region.class_id,
                simplified(exterior, simplify),
                area_of(exterior),
                region.box,
                bool(holes),
            )
        )
    # What no shape covers is read as this one.
    empty = label_set.void if label_set.background is None else label_set.background
    around = [area for area in areas if area.class_id != empty and area.has_holes]
    drawn = [
        area
        for area in areas
        if area.class_id != empty or any(other.may_hold(area) for other in around)
    ]
    drawn.sort(key=lambda area: -area.covered)
    return [_shape(_name(area.class_id, label_set), area.ring) for area in drawn]


def _name(class_id: int, label_set: LabelSet) -> str:
    if class_id == label_set.void:
        return IGNORED
    return BACKGROUND if class_id == label_set.background else label_set.names[class_id]


def _shape(label: str, ring: Ring) -> dict[str, Any]:
    return {
        "label": label,
        "points": ring.astype(float).tolist(),
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }
