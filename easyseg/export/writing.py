"""Writes a segmentation, or those of a whole folder, in the formats of other programs."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from easyseg._closing import Closing
from easyseg._types import FloatMap, Image, LabelMap, PathLike, make_plain_
from easyseg.errors import EasysegError, InputError
from easyseg.export.arrays import npz
from easyseg.export.coco import CocoWriter
from easyseg.export.geojson import check_options, geojson
from easyseg.export.labelme import labelme
from easyseg.export.labelstudio import LabelStudioWriter, labeling_settings, local_address
from easyseg.export.pictures import class_pngs, id_png, mask_name, palette_png
from easyseg.export.yolo import data_yaml, yolo
from easyseg.files import check_target, make_folder, replace_file, uninterrupted
from easyseg.files.words import os_error_as_media_error
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet

DEFAULT_SIMPLIFY = 1.0
"""Pixels, for the formats whose polygons are edited or trained with; others are exact."""


class Labelled(Protocol):
    """What is written of a `Segmentation`."""

    @property
    def labels(self) -> LabelMap:
        """(H, W) uint8 class ids."""

    @property
    def label_set(self) -> LabelSet:
        """What the ids mean."""

    @property
    def image(self) -> Image:
        """The photograph, RGB uint8 (H, W, 3)."""

    @property
    def source(self) -> str | None:
        """Its path or URL."""

    @property
    def confidence_map(self) -> FloatMap | None:
        """(H, W) float32, 0 to 1."""

    @property
    def model(self) -> str:
        """What made the labels."""


class Kind(NamedTuple):
    """A format.

    Attributes:
        meaning: What it is, in a few words.
        extension: Of its files; empty where there is a folder for each photograph.
        is_shared: Whether one file holds all photographs of a folder.
    """

    meaning: str
    extension: str
    is_shared: bool = False


KINDS: dict[str, Kind] = {
    "palette": Kind("PNG of the class ids, with the classes' colours as palette", ".png"),
    "ids": Kind("grey PNG in the numbering of the data set's own annotation files", ".png"),
    "masks": Kind("a folder with a black and white PNG for each class", ""),
    "geojson": Kind("polygons with holes, in pixels, in the manner of GeoJSON", ".geojson"),
    "coco": Kind("COCO's JSON with run-length masks, an object for each area", ".json", True),
    "labelme": Kind("polygons to correct in labelme", ".json"),
    "labelstudio": Kind("tasks with brush masks for Label Studio", ".json", True),
    "yolo": Kind("text files to train YOLO's segmentation models", ".txt"),
    "npz": Kind("NumPy arrays: labels, names, palette, confidence", ".npz"),
}
"""The formats, by name."""


@dataclass(frozen=True)
class ExportOptions:
    """How areas are written by the formats that know areas.

    Attributes:
        simplify: How far, in pixels, polygons may run from the exact outline. None is 1 for
            `labelme` and `yolo`, and 0, exact, for `geojson`.
        min_area: Areas with fewer pixels are left out of `geojson`, `coco`, `labelme` and `yolo`.

    Raises:
        InputError: If one makes no sense.
    """

    simplify: float | None = None
    min_area: int = 1

    def __post_init__(self) -> None:
        make_plain_(self, "simplify", "min_area")
        check_options(self.simplify, self.min_area)

    def tolerance(self, default: float) -> float:
        """The tolerance in pixels, for a format with that default."""
        return default if self.simplify is None else self.simplify


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Gives the formats without repetition; raises InputError for one that is not known."""
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"there is no export {kind!r}: choose from {', '.join(KINDS)}")
    return tuple(dict.fromkeys(kinds))


def write_one(
    path: PathLike, result: Labelled, kind: str, options: ExportOptions | None = None
) -> Path:
    """Writes one segmentation.

    Args:
        path: The file; for `masks` a folder, which is made.
        result: The segmentation.
        kind: One of `KINDS`.
        options: How areas are written; None is the default.

    Returns:
        The path.

    Raises:
        InputError: The kind or an option is wrong, or the path has another extension.
        MediaError: It cannot be written.
    """
    check_kinds([kind])
    target = Path(path).expanduser()
    extension = KINDS[kind].extension
    if target.suffix.lower() != extension and extension:
        raise InputError(f"the export {kind!r} goes to a {extension} file, not to {str(path)!r}")
    options = options or ExportOptions()
    if KINDS[kind].is_shared:
        check_target(target)
        writer = _SHARED[kind](target, result.label_set, options)
        try:
            writer.add(result, Path(result.source or f"{target.stem}.jpg").name)
            writer.close()
        finally:
            writer.discard()
    else:
        _write_own(target, result, kind, options)
    return target


class FolderWriter(Closing):
    """Writes the segmentations of many photographs into a folder, one after another.

    Each format has a folder of its own, `palette/NAME.png`, or a file, `coco.json`; beside them are
    what the formats need: `yolo/data.yaml`, `labelstudio.xml`. Memory does not grow with the number
    of photographs. Leaving the `with` block completes the shared files, after an error or Ctrl-C
    too, with the photographs that were added.

    Args:
        folder: Where to; it is made.
        kinds: Some of `KINDS`.
        options: How areas are written; None is the default.

    Raises:
        InputError: If a kind is not known.
    """

    def __init__(
        self, folder: PathLike, kinds: Sequence[str], options: ExportOptions | None = None
    ) -> None:
        self._folder = Path(folder).expanduser()
        self._kinds = check_kinds(kinds)
        self._options = options or ExportOptions()
        self._shared: dict[str, _Shared] = {}

    def add(self, result: Labelled, name: str, file_name: str | None = None) -> list[Path]:
        """Writes one segmentation in all formats.

        Args:
            result: The segmentation.
            name: What its files are called: a path in the folder without extension, forward
                slashes. Whoever calls keeps them apart.
            file_name: What the shared files call the photograph: its path from the folder of
                photographs, forward slashes; None takes its own name.

        Returns:
            The files, or folders, where it is found.

        Raises:
            MediaError: A file cannot be written.
        """
        own_name = Path(result.source or f"{name}.jpg").name
        return [self._add(kind, result, name, file_name or own_name) for kind in self._kinds]

    def _add(self, kind: str, result: Labelled, name: str, file_name: str) -> Path:
        if KINDS[kind].is_shared:
            target = self._folder / f"{kind}.json"
            if kind not in self._shared:
                make_folder(self._folder)
                check_target(target)
                self._shared[kind] = _SHARED[kind](target, result.label_set, self._options)
                if kind == "labelstudio":
                    self._write_text("labelstudio.xml", labeling_settings(result.label_set))
            self._shared[kind].add(result, file_name)
            return target
        if kind == "yolo":
            self._write_text("yolo/data.yaml", data_yaml(result.label_set))
        place = self._folder / ("yolo/labels" if kind == "yolo" else kind)
        target = place / f"{name}{KINDS[kind].extension}"
        make_folder(target.parent)
        _write_own(target, result, kind, self._options)
        return target

    def _write_text(self, name: str, text: str) -> None:
        path = self._folder / name
        if not path.is_file() or path.read_text("utf-8") != text:
            make_folder(path.parent)
            check_target(path)
            replace_file(path, text.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Completes the shared files.

        Raises:
            MediaError: One cannot be written.
        """
        failures: list[EasysegError] = []
        with uninterrupted():
            for writer in self._shared.values():
                try:
                    writer.close()
                except EasysegError as error:
                    failures.append(error)
                finally:
                    writer.discard()
            self._shared.clear()
        if failures:
            raise failures[0]


class _Shared(Protocol):
    """A file that holds all photographs."""

    def add(self, result: Labelled, file_name: str) -> None: ...

    def close(self) -> None: ...

    def discard(self) -> None: ...


class _Coco:
    def __init__(self, path: Path, label_set: LabelSet, options: ExportOptions) -> None:
        self._writer = CocoWriter(path, label_set, min_area=options.min_area)
        self.close, self.discard = self._writer.close, self._writer.discard

    def add(self, result: Labelled, file_name: str) -> None:
        self._writer.add(file_name, result.labels)


class _LabelStudio:
    def __init__(self, path: Path, label_set: LabelSet, options: ExportOptions) -> None:
        self._writer = LabelStudioWriter(path, label_set)
        self.close, self.discard = self._writer.close, self._writer.discard

    def add(self, result: Labelled, file_name: str) -> None:
        source = result.source or ""
        address = source if _is_url(source) else local_address(file_name)
        self._writer.add(address, result.labels, result.model)


_SHARED: dict[str, Callable[[Path, LabelSet, ExportOptions], _Shared]] = {
    "coco": _Coco,
    "labelstudio": _LabelStudio,
}


def _write_own(target: Path, result: Labelled, kind: str, options: ExportOptions) -> None:
    labels, label_set = result.labels, result.label_set
    if kind == "masks":
        make_folder(target)
        written = set()
        for name, data in class_pngs(labels, label_set):
            check_target(target / name)
            replace_file(target / name, data)
            written.add(name)
        _remove_masks(target, label_set, written)
        return
    check_target(target)
    replace_file(target, _encoded(target, result, kind, options))


def _remove_masks(folder: Path, label_set: LabelSet, kept: set[str]) -> None:
    """Removes masks of classes that an earlier export found there, and this one did not.

    Only files with exactly the name of a class's mask are taken for such.
    """
    for one in (label_set, ADE20K, PASCAL_VOC):
        for name in {mask_name(class_id, one) for class_id in range(len(one))} - kept:
            with os_error_as_media_error("remove", folder / name):
                (folder / name).unlink(missing_ok=True)


def _encoded(target: Path, result: Labelled, kind: str, options: ExportOptions) -> bytes:
    labels, label_set, min_area = result.labels, result.label_set, options.min_area
    if kind == "palette":
        return palette_png(labels, label_set)
    if kind == "ids":
        return id_png(labels, label_set)
    if kind == "geojson":
        return geojson(labels, label_set, simplify=options.tolerance(0.0), min_area=min_area)
    if kind == "npz":
        return npz(labels, label_set, result.confidence_map)
    simplify = options.tolerance(DEFAULT_SIMPLIFY)
    if kind == "yolo":
        return yolo(labels, label_set, simplify=simplify, min_area=min_area)
    path = _relative(result.source, target)
    return labelme(
        labels,
        label_set,
        path or f"{target.stem}.png",
        image=None if path else result.image,
        simplify=simplify,
        min_area=min_area,
    )


def _relative(source: str | None, target: Path) -> str | None:
    """The way from an annotation file to its photograph; None where that is no file."""
    if not source or _is_url(source):
        return None
    try:
        return Path(os.path.relpath(source, target.parent)).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(source).resolve().as_posix()


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
