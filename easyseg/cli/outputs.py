"""Where the results go: a name for each that is no input's and no other result's."""

import functools
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc, TypedDict

from easyseg.cli.inputs import Picture, is_large
from easyseg.errors import InputError, MediaError
from easyseg.files import check_replaceable
from easyseg.options import Option

STDOUT = "-"
KINDS = {
    "overlay": "the classes over the photograph",
    "colors": "the classes alone, in their colours",
    "labels": "a grey picture whose values are the class ids",
}


class KindOptions(TypedDict, total=False):
    """How the classes are drawn."""

    kind: Annotated[
        Literal["overlay", "colors", "labels"],
        Doc("What is written."),
        Option("what to write; " + "; ".join(f"{one}: {text}" for one, text in KINDS.items()),
               "overlay"),
    ]  # fmt: skip


_LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp")


def folder_of(output: str | None, *, several: bool) -> Path | None:
    """Finds the folder that is meant by the option for the output.

    Args:
        output: What the user wrote, or None.
        several: Whether there is more than one picture, so that a file cannot be meant.

    Returns:
        The folder; None when a file, the standard output, or nothing is meant.

    Raises:
        InputError: If it is a file, and there are several pictures.
    """
    if output is None or (output == STDOUT and not several):
        return None
    path = Path(output)
    is_folder = output.endswith(("/", os.sep)) or path.is_dir() or not path.suffix
    if is_folder and output != STDOUT:
        if path.exists() and not path.is_dir():
            raise InputError(f"{output} is a file: give a folder, or a name with an extension")
        return path
    if not several:
        return None
    if output == STDOUT or path.is_file() or can_write(path.suffix):
        what = "the standard output" if output == STDOUT else f"the file {output}"
        raise InputError(f"several pictures cannot go into {what}: give a folder, as -o results/")
    return path


def plan(
    pictures: Sequence[Picture], output: str | None, kind: str, *, ending: str = "_segmented"
) -> list[Path | None]:
    """Chooses a file for each result.

    Without a folder, results go to the current one as `NAME_segmented`, and those of a searched
    folder into a new folder `FOLDER_segmented`. In a folder for results, names and subfolders are
    kept; several searched folders get one each. Where two would get one name they are numbered.

    Args:
        pictures: What is segmented, at least one.
        output: What the user wrote for the output, or None.
        kind: One of `KINDS`.
        ending: What is added to names where there is no folder for the results.

    Returns:
        The file for each picture; None is the standard output.

    Raises:
        InputError: If the output does not suit the pictures, is one of them, or must not be
            replaced.
        MediaError: If pictures of that extension cannot be written.
    """
    if output == STDOUT and len(pictures) == 1:
        return [None]
    folder = folder_of(output, several=len(pictures) > 1)
    inputs = {_key(Path(picture.source)) for picture in pictures if picture.is_file}
    if output is not None and folder is None:
        target = _checked_file(Path(output), inputs, kind)
        check_replaceable(target)
        return [target]
    names = _Names(inputs)
    several_roots = len({picture.root for picture in pictures}) > 1
    chosen: list[Path] = []
    for picture in pictures:
        extension = extension_of(picture, kind)
        if folder is not None:
            parent = folder / (picture.root if several_roots else "") / picture.folder
            chosen.append(names.free(parent, picture.stem, extension))
        elif picture.root:
            parent = Path(f"{picture.root}{ending}") / picture.folder
            chosen.append(names.free(parent, picture.stem, extension))
        else:
            chosen.append(names.free(Path(), f"{picture.stem}{ending}", extension))
        check_replaceable(chosen[-1])
    return list(chosen)


@functools.cache
def can_write(extension: str) -> bool:
    """Tells whether pictures of this extension can be written, by writing one to memory."""
    import numpy as np

    from easyseg.pictures.image import encode

    try:
        encode(np.zeros((1, 1, 3), np.uint8), extension)
    except MediaError:
        return False
    return True


class _Names:
    """Hands out file names, each once."""

    def __init__(self, inputs: set[str]) -> None:
        self._inputs = inputs
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def free(self, folder: Path, stem: str, extension: str) -> Path:
        """Finds a name that neither an input nor an earlier result has."""
        path = folder / f"{stem}{extension}"
        if _key(path) in self._inputs:
            stem = f"{stem}_segmented"
            path = folder / f"{stem}{extension}"
        first = _key(path)
        while _key(path) in self._inputs or _key(path) in self._taken:
            self._numbers[first] += 1
            path = folder / f"{stem}-{self._numbers[first] + 1}{extension}"
        self._taken.add(_key(path))
        return path


def _key(path: Path) -> str:
    """What two paths of one file have in common, also where case does not matter."""
    return os.path.realpath(path).casefold()


def _checked_file(path: Path, inputs: set[str], kind: str) -> Path:
    if _key(path) in inputs:
        raise InputError(f"{path} is the photograph itself: choose another name for the result")
    if kind == "labels" and path.suffix.lower() in _LOSSY:
        raise InputError(f"{path.suffix} changes values, and with them the class ids: use .png")
    if not can_write(path.suffix):
        raise MediaError(f"cannot write {path}: {path.suffix} is no known format, use .png or .jpg")
    return path


def extension_of(picture: Picture, kind: str) -> str:
    """The photograph's own where it suits; plain colours and ids must not be changed by JPEG."""
    if is_large(picture):
        return ".tif"
    keeps = kind == "overlay" and picture.extension and can_write(picture.extension)
    return picture.extension if keeps else ".png"
