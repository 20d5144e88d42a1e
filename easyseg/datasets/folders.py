"""Layouts made of folders of photographs and of masks."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from easyseg import labels
from easyseg._types import LabelMap
from easyseg.datasets.base import VOID, Dataset, Item, unique_names
from easyseg.datasets.classes import read_classes
from easyseg.errors import InputError
from easyseg.files import may_be_read
from easyseg.labels import LabelSet
from easyseg.pictures.image import IMAGE_EXTENSIONS, read
from easyseg.pictures.masks import MASK_EXTENSIONS, read_labels

VOC_SPLITS = "ImageSets/Segmentation"
ADE20K_SPLITS = {"train": "training", "val": "validation"}
CLASS_FILES = ("classes.txt", "names.txt")


def open_voc(folder: Path, split: str) -> Dataset:
    """Opens the layout of the PASCAL VOC development kit.

    Args:
        folder: The year's folder, with `JPEGImages`, `SegmentationClass` and `ImageSets`.
        split: Name of a list in `ImageSets/Segmentation`: `val`, `train`, `trainval`. One with
            `aug` in its name takes its masks from `SegmentationClassAug` where that exists.

    Returns:
        The photographs of the list, in its order.

    Raises:
        InputError: If there is no such list, or a file that it names is missing.
    """
    list_file = folder / VOC_SPLITS / f"{split}.txt"
    if not list_file.is_file():
        known = sorted(path.stem for path in (folder / VOC_SPLITS).glob("*.txt"))
        raise InputError(
            f"{str(folder / VOC_SPLITS)!r} has no list {split + '.txt'!r}; it has {known}"
        )
    augmented = folder / "SegmentationClassAug"
    masks = augmented if "aug" in split and augmented.is_dir() else folder / "SegmentationClass"
    names = [line.strip() for line in list_file.read_text("utf-8").splitlines() if line.strip()]
    items = [
        _pair(name, folder / "JPEGImages" / f"{name}.jpg", masks / f"{name}.png") for name in names
    ]
    return Dataset(f"PASCAL VOC {split} list", tuple(items), labels.PASCAL_VOC, split)


def open_ade20k(folder: Path, split: str) -> Dataset:
    """Opens the layout of ADEChallengeData2016, the scene parsing benchmark.

    Args:
        folder: With `images/validation`, `annotations/validation` and the same for `training`.
        split: `val`, `train`, or the name of such a folder.

    Returns:
        The photographs; the benchmark's 1 to 150 have become 0 to 149, and its 0 ("other") void.

    Raises:
        InputError: If there is no such folder, or a mask is missing.
    """
    part = ADE20K_SPLITS.get(split, split)
    images, masks = folder / "images" / part, folder / "annotations" / part
    for needed in (images, masks):
        if not needed.is_dir():
            raise InputError(f"ADEChallengeData2016 has no folder {str(needed)!r}")
    items = pair_files(images, masks, reduce_zero_label=True)
    return Dataset(f"ADE20K {part} folder", items, labels.ADE20K, split)


def open_folder(
    folder: Path, split: str, label_set: LabelSet | None, *, reduce_zero_label: bool = False
) -> Dataset:
    """Opens a folder with `images/` and `masks/`, matched by file name without extension.

    Args:
        folder: The folder.
        split: Name of the folder in both that is meant, where both have one; all photographs are
            taken where they have none.
        label_set: The classes; None takes them from `classes.txt` or `names.txt` in the folder, and
            leaves them unknown where there is none.
        reduce_zero_label: Whether the masks count their classes from 1, and 0 is void.

    Returns:
        The photographs, sorted by name.

    Raises:
        InputError: If a photograph has no mask.
    """
    if label_set is None:
        files = [folder / name for name in CLASS_FILES if (folder / name).is_file()]
        label_set = read_classes(files[0]) if files else None
    images, masks = folder / "images", folder / "masks"
    has_parts = (images / split).is_dir() and (masks / split).is_dir()
    if has_parts:
        images, masks = images / split, masks / split
    items = pair_files(images, masks, reduce_zero_label=reduce_zero_label)
    layout = f"folder {folder.name!r} of images and masks"
    return Dataset(layout, items, label_set, split if has_parts else None)


def pair_files(images: Path, masks: Path, *, reduce_zero_label: bool = False) -> tuple[Item, ...]:
    """Finds the mask of every photograph.

    Args:
        images: Folder of photographs; folders inside it are searched too.
        masks: Folder of masks with the same names.
        reduce_zero_label: See `open_folder`.

    Returns:
        The items, sorted by name.

    Raises:
        InputError: If a photograph has no mask, or a name occurs twice.
    """
    mask_of = find_files(masks, MASK_EXTENSIONS)
    image_of = find_files(images, IMAGE_EXTENSIONS)
    missing = [name for name in image_of if name not in mask_of]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(image_of)} photographs in {str(images)!r} have no mask in "
            f"{str(masks)!r}, such as {missing[:3]}: a mask has the name of its photograph and one "
            f"of the extensions {', '.join(sorted(MASK_EXTENSIONS))}"
        )
    change = reduce_zero if reduce_zero_label else None
    return tuple(
        Item(name, partial(read, path), partial(_read_mask, mask_of[name], change))
        for name, path in image_of.items()
    )


def find_files(folder: Path, extensions: Iterable[str]) -> dict[str, Path]:
    """Finds files below a folder.

    Args:
        folder: Searched with all folders inside it; hidden files are left out.
        extensions: Lower case, with the dot.

    Returns:
        Paths by name: the path in the folder without extension, with forward slashes. Sorted.

    Raises:
        InputError: If two files have one name.
    """
    wanted = set(extensions)
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in wanted and not path.name.startswith(".") and may_be_read(path)
    )
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    unique_names(names, repr(str(folder)))
    return dict(zip(names, paths, strict=True))


def reduce_zero(ids: LabelMap) -> LabelMap:
    """Turns ids that count from 1, with 0 for "other", into ids from 0, with 255 for void.

    Args:
        ids: uint8 (H, W).

    Returns:
        uint8 (H, W): 0 becomes 255, n becomes n - 1, and 255 stays.
    """
    table = np.roll(np.arange(256, dtype=np.uint8), 1)
    table[0] = table[VOID] = VOID
    changed: LabelMap = table[ids]
    return changed


def _pair(name: str, image: Path, mask: Path) -> Item:
    for path in (image, mask):
        if not path.is_file():
            raise InputError(f"{name!r} is in the list, and its file {str(path)!r} is missing")
    return Item(name, partial(read, image), partial(_read_mask, mask, None))


def _read_mask(path: Path, change: Callable[[LabelMap], LabelMap] | None) -> LabelMap:
    ids = read_labels(path)
    return ids if change is None else change(ids)
