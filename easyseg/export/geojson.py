"""Areas as polygons with holes, as data and as a file in the manner of GeoJSON."""

import json
from dataclasses import dataclass
from typing import TypeVar

from easyseg._types import ClassSelection, LabelMap, plain
from easyseg.drawing.outlines import Ring
from easyseg.errors import InputError
from easyseg.export.outlines import outline
from easyseg.export.pictures import present
from easyseg.export.regions import regions
from easyseg.labels import LabelSet
from easyseg.render.check import check_labels

S = TypeVar("S", float, float | None)


@dataclass(frozen=True, eq=False)
class Polygon:
    """One connected area of a class.

    Attributes:
        id: The class's id.
        name: Its full name.
        exterior: The outer ring: (P, 2) int32 corners (x, y) in pixels, x to the right and y down;
            clockwise on a screen, the first corner not repeated. Pixel (row, column) covers
            [column, column + 1) x [row, row + 1).
        holes: A ring for each hole, the other way round.
        pixels: Number of its pixels.
    """

    id: int
    name: str
    exterior: Ring
    holes: tuple[Ring, ...]
    pixels: int


def polygons(
    labels: LabelMap,
    label_set: LabelSet,
    *,
    classes: ClassSelection | None = None,
    simplify: float = 0.0,
    min_area: int = 1,
) -> list[Polygon]:
    """Traces every connected area.

    Pixels hang together that touch by a side. Unsimplified polygons cover exactly the pixels of
    their area: filled by the even-odd rule, they give the labels back.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives the names.
        classes: Only these, by id or name; None takes all that occur, the background too.
        simplify: How far, in pixels, an outline may run from the exact one; 0 is exact.
        min_area: Areas with fewer pixels are left out.

    Returns:
        The areas, by class, and from the top down.

    Raises:
        InputError: An option is wrong, or ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    simplify, min_area = check_options(simplify, min_area)
    ids = present(labels, label_set) if classes is None else label_set.select(classes)
    found = []
    for region in regions(labels, ids, min_area=min_area):
        exterior, *holes = outline(region, simplify=simplify)
        name = label_set.names[region.class_id]
        found.append(Polygon(region.class_id, name, exterior, tuple(holes), region.pixels))
    return found


def geojson(
    labels: LabelMap, label_set: LabelSet, *, simplify: float = 0.0, min_area: int = 1
) -> bytes:
    """Writes all areas as a FeatureCollection.

    It is GeoJSON (RFC 7946) but for its coordinates, which are pixels with y down: every Feature is
    a Polygon with its holes, and `id`, `name`, `color` and `pixels` as properties.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives names and colours.
        simplify: As for `polygons`.
        min_area: As for `polygons`.

    Returns:
        The file, UTF-8.

    Raises:
        InputError: As for `polygons`.
    """
    features = [
        {
            "type": "Feature",
            "properties": {
                "id": polygon.id,
                "name": polygon.name,
                "color": "#{:02x}{:02x}{:02x}".format(*label_set.color(polygon.id)),
                "pixels": polygon.pixels,
            },
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [*ring.tolist(), ring[0].tolist()]
                    for ring in (polygon.exterior, *polygon.holes)
                ],
            },
        }
        for polygon in polygons(labels, label_set, simplify=simplify, min_area=min_area)
    ]
    height, width = labels.shape
    content = {
        "type": "FeatureCollection",
        "dataset": label_set.name,
        "size": {"width": width, "height": height},
        "features": features,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def check_options(simplify: S, min_area: int) -> tuple[S, int]:
    """Gives both as Python's numbers.

    Raises:
        InputError: For a tolerance below 0, or an area that is no whole number.
    """
    simplify, min_area = plain(simplify), plain(min_area)
    if simplify is not None and not (isinstance(simplify, (int, float)) and 0 <= simplify < 1e6):
        raise InputError(f"simplify is a distance in pixels, 0 or more, not {simplify!r}")
    if isinstance(min_area, bool) or not isinstance(min_area, int) or min_area < 0:
        raise InputError(f"min_area is a number of pixels, 0 or more, not {min_area!r}")
    return simplify, min_area
