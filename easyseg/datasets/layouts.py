"""Finds out how a place holds its labelled photographs."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from easyseg import labels
from easyseg._types import Image, LabelMap, PathLike
from easyseg.datasets import archive
from easyseg.datasets.base import Dataset, Item
from easyseg.datasets.coco import coco_file, is_coco, open_coco
from easyseg.datasets.folders import find_files, open_ade20k, open_folder, open_voc
from easyseg.datasets.labelme import is_labelme, labelme_files, open_labelme
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.pictures.image import IMAGE_EXTENSIONS, read

LAYOUTS = (
    "VOCdevkit (VOC2012/JPEGImages, SegmentationClass, ImageSets/Segmentation)",
    "ADEChallengeData2016 (images/validation, annotations/validation)",
    "a folder with images/ and masks/ (or SPLIT/images and SPLIT/masks)",
    "a COCO file (annotations/instances_SPLIT.json)",
    "labelme's JSON files",
    "tar files with images/ and masks/",
)
"""What is looked for, in this order."""


def open_dataset(
    data: PathLike | Sequence[PathLike],
    *,
    split: str = "val",
    label_set: LabelSet | str | None = None,
    reduce_zero_label: bool = False,
) -> Dataset:
    """Opens labelled photographs; the layout is recognised by looking.

    Args:
        data: A folder, a tar file, a JSON file of COCO or labelme, or several tar or labelme files.
        split: Which part, where the layout has parts: `val`, `train`, `trainval`, ...
        label_set: The classes, or the name of a known data set. None takes those that the layout
            brings with it.
        reduce_zero_label: Whether masks in a folder or a tar file count their classes from 1, and
            their 0 is void. ADEChallengeData2016 does, and needs no word.

    Returns:
        The photographs with their labels.

    Raises:
        InputError: If there is nothing there, no known layout is found, a mask is missing, or the
            layout belongs to another label set.
    """
    wanted = None if label_set is None else labels.get(label_set)
    paths = _paths(data)
    if all(path.suffix.lower() == ".tar" for path in paths):
        return archive.open_archives(paths, wanted, reduce_zero_label=reduce_zero_label)
    if len(paths) > 1 or paths[0].is_file():
        return _open_files(paths, wanted)
    found = _open_folder(paths[0], split, wanted, reduce_zero_label)
    if found is None:
        looked_for = "; ".join(LAYOUTS)
        raise InputError(
            f"{str(paths[0])!r} has no layout of labelled photographs that easyseg knows. It "
            f"looked for: {looked_for}. There are {_listing(paths[0])}"
        )
    own = found.label_set
    if wanted is not None and own is not None and own.names != wanted.names:
        raise InputError(
            f"{str(paths[0])!r} is a {found.layout}, whose classes are those of {own.title}, not "
            f"of {wanted.title}"
        )
    return found


def open_images(data: PathLike | Sequence[PathLike]) -> Dataset:
    """Opens photographs without labels: asking for those is an error.

    Args:
        data: A folder, which is searched with all folders inside it, or one or more tar files with
            `images/`.

    Returns:
        The photographs, sorted by name.

    Raises:
        InputError: If there are none.
    """
    paths = _paths(data)
    if all(path.suffix.lower() == ".tar" for path in paths):
        members = archive.members(paths, "images")
        readers = {name: partial(archive.read_image, member) for name, member in members.items()}
        return _unlabelled("archive of photographs", readers)
    if len(paths) > 1 or not paths[0].is_dir():
        raise InputError(f"photographs are given as a folder or as tar files, not as {data!r}")
    files = find_files(paths[0], IMAGE_EXTENSIONS)
    return _unlabelled("folder of photographs", {n: partial(read, f) for n, f in files.items()})


def _unlabelled(layout: str, readers: Mapping[str, Callable[[], Image]]) -> Dataset:
    items = (Item(name, image, partial(_no_labels, name)) for name, image in readers.items())
    return Dataset(layout, tuple(items))


def _no_labels(name: str) -> LabelMap:
    raise InputError(f"{name!r} belongs to photographs that were opened without labels")


def _paths(data: PathLike | Sequence[PathLike]) -> list[Path]:
    given = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    paths = [Path(one).expanduser() for one in given]
    missing = [str(path) for path in paths if not path.exists()]
    if missing or not paths:
        raise InputError(
            f"there is no data at {missing or given}: give a folder, a tar file or a JSON file"
        )
    return paths


def _open_files(paths: Sequence[Path], label_set: LabelSet | None) -> Dataset:
    if all(path.suffix.lower() == ".json" and is_labelme(path) for path in paths):
        return open_labelme(paths, label_set)
    if len(paths) == 1 and is_coco(paths[0]):
        return open_coco(paths[0], label_set)
    raise InputError(
        f"{[str(path) for path in paths[:3]]} can be read neither as tar files, nor as annotations "
        "of labelme, nor as one file of COCO: give one kind"
    )


def _open_folder(
    folder: Path, split: str, label_set: LabelSet | None, reduce_zero_label: bool
) -> Dataset | None:
    year = _voc_folder(folder)
    if year is not None:
        return open_voc(year, split)
    for place in (folder, folder / "ADEChallengeData2016"):
        if (place / "annotations").is_dir() and (place / "images" / "validation").is_dir():
            return open_ade20k(place, split)
    for place in (folder, folder / split):
        if (place / "images").is_dir() and (place / "masks").is_dir():
            found = open_folder(place, split, label_set, reduce_zero_label=reduce_zero_label)
            return found if place == folder else replace(found, split=split)
    return _open_annotations(folder, split, label_set, reduce_zero_label)


def _open_annotations(
    folder: Path, split: str, label_set: LabelSet | None, reduce_zero_label: bool
) -> Dataset | None:
    coco = coco_file(folder, split)
    if coco is not None:
        named = split in coco.stem or coco.parent.name == split
        return replace(open_coco(coco, label_set), split=split if named else None)
    files = labelme_files(folder)
    if files:
        return open_labelme(files, label_set)
    every = sorted(folder.glob("*.tar"))
    archives = [path for path in every if split in path.stem] or every
    if archives:
        found = archive.open_archives(archives, label_set, reduce_zero_label=reduce_zero_label)
        return replace(found, split=split if len(archives) < len(every) else None)
    return None


def _voc_folder(folder: Path) -> Path | None:
    """Finds the newest year's folder, whichever of VOCdevkit's folders was given."""
    for place in (folder, folder / "VOCdevkit"):
        for year in (place, *sorted(place.glob("VOC2*"), reverse=True)):
            if (year / "JPEGImages").is_dir() and (year / "SegmentationClass").is_dir():
                return year
    return None


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"in it: {shown}" if names else "no files in it"
