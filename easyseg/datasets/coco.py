"""COCO's segmentation files: one JSON for all photographs, with polygons and run-length masks."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from easyseg._types import LabelMap
from easyseg.datasets.base import Dataset, Item
from easyseg.datasets.classes import BACKGROUND_NAMES, from_names
from easyseg.datasets.polygons import fill_part
from easyseg.datasets.rle import decode_rle
from easyseg.errors import InputError
from easyseg.files import may_be_read
from easyseg.labels import LabelSet
from easyseg.pictures.image import read

KEYS = ("images", "annotations", "categories")


def open_coco(path: Path, label_set: LabelSet | None) -> Dataset:
    """Opens an annotation file of COCO's object segmentation.

    Smaller objects lie on top of larger ones. What no object covers is the label set's background,
    or void where it has none.

    Args:
        path: The JSON file. The photographs are looked for beside it, in `images/` and in the
            folder that its name ends in (`instances_val2017.json`: `val2017/`), there and one
            folder higher.
        label_set: The classes, which the categories' names are looked up in. None takes a
            background and the categories in the order of their ids.

    Returns:
        The photographs, in the order of the file.

    Raises:
        InputError: If the file is not COCO's, a category is not among the classes, or the
            photographs are not found.
    """
    content = _load(path)
    categories = sorted(content["categories"], key=lambda category: int(category["id"]))
    if label_set is None:
        names = [str(category["name"]) for category in categories]
        others = [name for name in names if name.lower() not in BACKGROUND_NAMES]
        label_set = from_names(["background", *others], path.stem)
    class_of = {category["id"]: label_set.find(str(category["name"])) for category in categories}
    objects: dict[Any, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        objects.setdefault(annotation["image_id"], []).append(annotation)
    folder = _photographs(path, content["images"])
    items = []
    for record in content["images"]:
        file = folder / str(record["file_name"])
        drawn = objects.get(record["id"], [])
        labels = partial(_read_labels, record, drawn, class_of, label_set)
        items.append(Item(Path(record["file_name"]).stem, partial(read, file), labels))
    return Dataset(f"COCO file {path.name!r}", tuple(items), label_set)


def coco_file(folder: Path, split: str) -> Path | None:
    """Finds COCO's annotation file in a folder.

    Args:
        folder: Searched itself, its folder `annotations` and the one named like the split.
        split: Part of the file's name, where there are several.

    Returns:
        The file; None where there is none.

    Raises:
        InputError: If there are several and the split's name does not tell which.
    """
    files = [
        path
        for place in (folder / "annotations", folder / split, folder)
        for path in sorted(place.glob("*.json"))
        if may_be_read(path)
    ]
    # Names decide where they can: such files can be hundreds of megabytes.
    named = [path for path in files if split in path.stem or path.parent.name == split]
    official = [path for path in named if "instances" in path.stem]
    coco = official if len(official) == 1 else [p for p in (named or files)[:8] if is_coco(p)]
    if len(coco) > 1:
        names = [path.name for path in coco]
        raise InputError(f"{str(folder)!r} has several COCO files, {names}: give the path of one")
    return coco[0] if coco else None


def is_coco(path: Path) -> bool:
    """Says whether a file looks like COCO's."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and all(key in content for key in KEYS)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the COCO file {str(path)!r}: {error}") from error
    missing = [key for key in KEYS if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(f"{str(path)!r} is no COCO file: it lacks {', '.join(missing)}")
    return dict(content)


def _photographs(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Finds the folder that the file names count from, by the first photograph."""
    if not records:
        raise InputError(f"{str(path)!r} lists no photographs")
    named = path.stem.rsplit("_", 1)[-1]
    places = [
        root / inner
        for root in (path.parent, path.parent.parent)
        for inner in ("", "images", named, f"images/{named}")
    ]
    first = str(records[0]["file_name"])
    for place in places:
        if (place / first).is_file():
            return place
    raise InputError(
        f"the photographs of {str(path)!r} are not found: looked for {first!r} in "
        f"{', '.join(str(place) for place in places)}"
    )


def _read_labels(
    record: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    class_of: Mapping[Any, int],
    label_set: LabelSet,
) -> LabelMap:
    size = (int(record["height"]), int(record["width"]))
    empty = label_set.void if label_set.background is None else label_set.background
    labels: LabelMap = np.full(size, empty, np.uint8)
    masks = []
    for annotation in annotations:
        segmentation = annotation.get("segmentation")
        try:
            if isinstance(segmentation, Mapping):
                mask = decode_rle(segmentation)
                place = (slice(0, size[0]), slice(0, size[1]))
                if mask.shape != size:
                    raise InputError(f"its size is {mask.shape}, and the photograph's {size}")
            else:
                rings = [np.reshape(ring, (-1, 2)) for ring in segmentation or ()]
                place, mask = fill_part(rings, size)
            masks.append((place, mask, class_of[annotation["category_id"]]))
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"the annotation {annotation.get('id')!r} of {record['file_name']!r} cannot be "
                f"used: {error}"
            ) from error
    for place, mask, class_id in sorted(masks, key=lambda one: -int(one[1].sum())):
        labels[place][mask] = class_id
    return labels
