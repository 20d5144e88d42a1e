"""From what the user wrote to the pictures that are meant: files, folders, patterns, URLs."""

import glob
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from easyseg.files import may_be_read, protect

STDIN = "-"

_LEFT_OUT = re.compile(r"^\.|_(segmented|background)(-\d+)?$")
"""Hidden ones, and what an earlier run has written."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_LONGEST_STEM = 100


@dataclass(frozen=True)
class Picture:
    """One picture to segment.

    Attributes:
        source: Its path or URL, or "-" for the standard input.
        stem: Its name without the extension.
        extension: With the dot, as written; may be empty.
        root: Name of the folder that was searched for it; empty when it was named itself.
        folder: Where it lies in what was searched.
    """

    source: str
    stem: str
    extension: str
    root: str = ""
    folder: Path = Path()

    @property
    def is_file(self) -> bool:
        """Whether it is read from a path."""
        return self.source != STDIN and not is_url(self.source)


@dataclass
class Inputs:
    """What was found.

    Attributes:
        pictures: Each of them once, in the order given; those of a folder by name.
        problems: A message for each argument, or folder, that gave nothing.
    """

    pictures: list[Picture] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def is_url(text: str) -> bool:
    """Tells an http(s) address from a path."""
    return text.lower().startswith(("http://", "https://"))


def is_large(picture: Picture) -> bool:
    """Tells whether a picture is a file that can only be taken part by part."""
    from easyseg.pictures.parts import is_too_large

    return picture.is_file and is_too_large(Path(picture.source))


def find(arguments: Sequence[str], *, leave_out: Path | None = None) -> Inputs:
    """Finds the pictures that are meant.

    Folders are searched through all their depth, for the extensions that can be read; what is
    hidden, what is no file but a pipe or the like, and files and folders that an earlier run has
    written ("..._segmented"), are left out there. A file that is named need not exist: reading it
    will say what is wrong.

    Args:
        arguments: Paths of files and folders, patterns with *, ?, [] and **, URLs, or "-".
        leave_out: A folder that is not searched: the one for the results.

    Returns:
        The pictures, and the problems.
    """
    inputs = Inputs()
    for argument in arguments:
        if argument == STDIN:
            inputs.pictures.append(Picture(STDIN, "stdin", ""))
        elif is_url(argument):
            inputs.pictures.append(_of_url(argument))
        elif _is_folder(argument):
            _add_folder(inputs, argument, leave_out)
        elif os.path.lexists(argument) or not _is_pattern(argument):
            inputs.pictures.append(_of_file(Path(argument)))
        else:
            _add_matches(inputs, argument)
    unique: dict[str, Picture] = {}
    for picture in inputs.pictures:
        unique.setdefault(_identity(picture), picture)
    inputs.pictures = list(unique.values())
    protect(picture.source for picture in inputs.pictures if picture.is_file)
    return inputs


def _identity(picture: Picture) -> str:
    # Not resolved: two links to one file are two pictures.
    source = picture.source
    return os.path.normpath(Path(source).absolute()) if picture.is_file else source


def _of_file(path: Path, *, root: str = "", searched: Path | None = None) -> Picture:
    folder = Path() if searched is None else path.parent.relative_to(searched)
    return Picture(str(path), path.stem, path.suffix, root, folder)


def _of_url(url: str) -> Picture:
    try:
        name = PurePosixPath(unquote(urlsplit(url).path)).name
    except ValueError:  # reading it will say what is wrong
        name = ""
    path = PurePosixPath(_UNSAFE.sub("_", name) or "image")
    return Picture(url, path.stem[:_LONGEST_STEM], path.suffix)


def _add_folder(inputs: Inputs, folder: str, leave_out: Path | None) -> None:
    root = _name_of(Path(folder))
    left_out = None if leave_out is None else os.path.realpath(leave_out)
    before, seen = len(inputs.pictures) + len(inputs.problems), list[Path]()

    def note(error: OSError) -> None:
        inputs.problems.append(f"cannot read the folder {error.filename}: {error.strerror}")

    for parent, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(
            name
            for name in folders
            if not _LEFT_OUT.search(name) and os.path.realpath(Path(parent, name)) != left_out
        )
        paths = [Path(parent, name) for name in sorted(files)]
        seen += paths
        inputs.pictures += [
            _of_file(path, root=root, searched=Path(folder)) for path in _pictures_among(paths)
        ]
    _note_unread(inputs, f"the folder {folder}", seen)
    if before == len(inputs.pictures) + len(inputs.problems):
        inputs.problems.append(f"there are no pictures in the folder {folder}")


def _add_matches(inputs: Inputs, pattern: str) -> None:
    fixed = Path(*itertools.takewhile(lambda part: not _is_pattern(part), Path(pattern).parts))
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path's takes no absolute pattern
    matches = [Path(name) for name in sorted(names)]
    _note_unread(inputs, pattern, matches)
    found = [_of_file(path, searched=fixed) for path in _pictures_among(matches) if path.is_file()]
    if not found:
        inputs.problems.append(f"no picture matches {pattern}")
    inputs.pictures += found


def _note_unread(inputs: Inputs, where: str, paths: Iterable[Path]) -> None:
    from easyseg.pictures.image import unread  # heavy

    if note := unread(paths):
        inputs.problems.append(f"skipped in {where}: {note}")


def _pictures_among(paths: Iterable[Path]) -> Iterator[Path]:
    from easyseg.pictures.image import IMAGE_EXTENSIONS  # heavy

    for path in paths:
        is_wanted = path.suffix.lower() in IMAGE_EXTENSIONS and not _LEFT_OUT.search(path.stem)
        if is_wanted and may_be_read(path):
            yield path


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except (OSError, ValueError):  # too long a name, a folder that may not be looked into
        return False


def _name_of(folder: Path) -> str:
    name = folder.name if folder.name not in ("", "..") else folder.resolve().name
    return name or "images"  # the root of the file system


def _is_pattern(text: str) -> bool:
    return any(letter in text for letter in "*?[")
