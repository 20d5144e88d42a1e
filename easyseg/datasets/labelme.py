"""Annotations of the program labelme: a JSON file with outlines for each photograph."""

import base64
import binascii
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from easyseg._types import Image, LabelMap, Mask
from easyseg.datasets.base import VOID, Dataset, Item
from easyseg.datasets.classes import BACKGROUND_NAMES, from_names
from easyseg.datasets.folders import find_files
from easyseg.datasets.polygons import Place, circle, fill_part
from easyseg.errors import InputError, MediaError
from easyseg.labels import LabelSet
from easyseg.pictures.image import read
from easyseg.pictures.masks import read_labels

IGNORED = "__ignore__"
"""labelme's name for pixels that do not count."""

WITHOUT_AREA = ("point", "points", "line", "linestrip")
"""Shapes that cover no pixels; they are passed over."""


def open_labelme(files: Sequence[Path], label_set: LabelSet | None) -> Dataset:
    """Opens annotation files of labelme.

    Later shapes lie on top of earlier ones. What no shape covers is the label set's background, or
    void where it has none.

    Args:
        files: JSON files, one for each photograph.
        label_set: The classes. None collects the names that occur, sorted, behind a background.

    Returns:
        The photographs, in the order of the files.

    Raises:
        InputError: If a file is not labelme's.
    """
    if label_set is None:
        label_set = _collect(files)
    items = tuple(
        Item(path.stem, partial(_read_image, path), partial(_read_labels, path, label_set))
        for path in files
    )
    return Dataset("labelme JSON files", items, label_set)


def labelme_files(folder: Path) -> list[Path]:
    """Lists the JSON files below a folder, sorted, if the first one is labelme's; else none."""
    files = list(find_files(folder, [".json"]).values())
    return files if files and is_labelme(files[0]) else []


def is_labelme(path: Path) -> bool:
    """Says whether a file looks like an annotation of labelme."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "shapes" in content and "imagePath" in content


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the annotation {str(path)!r}: {error}") from error
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise InputError(f"{str(path)!r} is no annotation of labelme: it has no list of 'shapes'")
    return dict(content)


def _collect(files: Sequence[Path]) -> LabelSet:
    found = {str(shape.get("label")) for path in files for shape in _load(path)["shapes"]}
    names = sorted(found - {IGNORED, *BACKGROUND_NAMES})
    return from_names(["background", *names], "labelme")


def _read_image(path: Path) -> Image:
    content = _load(path)
    # labelme on Windows writes backslashes.
    stored = PureWindowsPath(str(content.get("imagePath", ""))).as_posix()
    for file in (path.parent / stored, path.parent / Path(stored).name):
        if stored and file.is_file():
            return read(file)
    if content.get("imageData"):
        return read(_from_base64(content["imageData"], path))
    raise MediaError(
        f"the photograph {stored!r} of {str(path)!r} is missing: it is neither beside the "
        "annotation nor stored in it"
    )


def _size(content: dict[str, Any], path: Path) -> tuple[int, int]:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    return _read_image(path).shape[:2]


def _read_labels(path: Path, label_set: LabelSet) -> LabelMap:
    content = _load(path)
    size = _size(content, path)
    empty = label_set.void if label_set.background is None else label_set.background
    labels: LabelMap = np.full(size, empty, np.uint8)
    for shape in content["shapes"]:
        try:
            class_id = _class_id(str(shape.get("label")), label_set)
            place, mask = _mask(shape, size, path)
            labels[place][mask] = class_id
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"a shape of {str(path)!r} cannot be used: {error}") from error
    return labels


def _class_id(label: str, label_set: LabelSet) -> int:
    if label == IGNORED:
        return VOID
    if label.lower() in BACKGROUND_NAMES and label_set.background is not None:
        return label_set.background
    return label_set.find(label)


def _mask(shape: dict[str, Any], size: tuple[int, int], path: Path) -> tuple[Place, Mask]:
    """The part of the picture that a shape is in, and its pixels there."""
    everywhere = (slice(0, size[0]), slice(0, size[1]))
    kind, points = shape.get("shape_type", "polygon"), shape.get("points", [])
    if kind == "polygon":
        return fill_part([points], size)
    if kind in WITHOUT_AREA:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.bool_)
    if kind not in ("rectangle", "circle", "mask") or len(points) < 2:
        raise InputError(f"its shape_type is {kind!r} with {len(points)} points")
    if kind == "circle":
        return everywhere, circle(points[0], points[1], size)
    (left, top), (right, bottom) = points[0], points[-1]
    if kind == "rectangle":
        return fill_part([[(left, top), (right, top), (right, bottom), (left, bottom)]], size)
    return everywhere, _stored_mask(shape, (round(top), round(left)), size, path)


def _stored_mask(
    shape: dict[str, Any], corner: tuple[int, int], size: tuple[int, int], path: Path
) -> Mask:
    """Lays a shape's own little mask, a PNG in its text, onto the picture."""
    small = read_labels(_from_base64(shape.get("mask"), path), name=f"in {path.name}") > 0
    top, left = corner
    mask: Mask = np.zeros(size, np.bool_)
    place = mask[max(top, 0) : top + small.shape[0], max(left, 0) : left + small.shape[1]]
    place[...] = small[max(-top, 0) :, max(-left, 0) :][: place.shape[0], : place.shape[1]]
    return mask


def _from_base64(text: object, path: Path) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MediaError(f"a picture stored in {str(path)!r} is damaged: {error}") from error
