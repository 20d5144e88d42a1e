"""The text files that YOLO's segmentation models are trained with."""

import json

from easyseg._types import LabelMap
from easyseg.export.geojson import check_options
from easyseg.export.keyhole import keyhole
from easyseg.export.outlines import outline
from easyseg.export.pictures import present
from easyseg.export.regions import regions
from easyseg.labels import LabelSet
from easyseg.render.check import check_labels


def yolo(
    labels: LabelMap, label_set: LabelSet, *, simplify: float = 1.0, min_area: int = 1
) -> bytes:
    """Writes a line for each connected area: its class, then its outline.

    Coordinates are shares of the width and the height. YOLO's polygons have no holes, so a hole is
    joined to the outer ring by a bridge without width. The background is not written, and classes
    behind it move up by one: see `data_yaml`.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: The classes.
        simplify: How far, in pixels, an outline may run from the exact one.
        min_area: Areas with fewer pixels are left out.

    Returns:
        The file; empty where there is no area.

    Raises:
        InputError: An option is wrong, or ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    simplify, min_area = check_options(simplify, min_area)
    height, width = labels.shape
    lines = []
    for region in regions(labels, present(labels, label_set, background=False), min_area=min_area):
        ring = keyhole(outline(region, simplify=simplify)) / (width, height)
        points = " ".join(f"{share:.6g}" for share in ring.ravel().tolist())
        lines.append(f"{_number(region.class_id, label_set)} {points}\n")
    return "".join(lines).encode("ascii")


def data_yaml(label_set: LabelSet) -> str:
    """Writes the file that names the classes, beside the folders `images` and `labels`."""
    names = "".join(
        f"  {_number(class_id, label_set)}: {json.dumps(name, ensure_ascii=False)}\n"
        for class_id, name in enumerate(label_set.names)
        if class_id != label_set.background
    )
    return (
        "# Put the photographs, or links to them, into images/, as the files in labels/ lie.\n"
        f"train: images\nval: images\nnames:\n{names}"
    )


def _number(class_id: int, label_set: LabelSet) -> int:
    background = label_set.background
    return class_id - (background is not None and class_id > background)
