"""The part of the plain command that writes for other programs."""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.cli import outputs
from easyseg.cli.flags import words
from easyseg.cli.inputs import STDIN, Picture, is_url
from easyseg.errors import InputError

if TYPE_CHECKING:
    from easyseg.export import ExportOptions, FolderWriter
    from easyseg.result import Segmentation

Save = Callable[[int, Picture, "Segmentation"], list[Path]]
"""Writes the result of a picture, given with its place among all; tells the files."""

SaveDrawn = Callable[["Segmentation", str, Path], None]
"""Writes a picture of one of `outputs.KINDS` to a file."""

KINDS = (
    "palette", "ids", "masks", "geojson", "coco", "labelme", "labelstudio", "yolo", "npz",
)  # fmt: skip
"""Those of `easyseg.export`, which is not imported for a look at the options."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options for exports."""
    group = parser.add_argument_group(
        "exports (docs/guides/exports.md tells what they hold)",
        "With --export, OUT is a folder, with a folder or a file for each kind; for one picture "
        "and one kind it may be a file.",
    )
    add = group.add_argument
    add(
        "--export", metavar="A,B", action="extend", type=_kinds,
        help=f"what to write instead of an overlay: {', '.join(KINDS)}, or any --kind",
    )  # fmt: skip
    add(
        "--simplify", metavar="PIXELS", type=float,
        help="how far polygons may run from the exact outline (default: 1 for labelme and yolo, "
        "else 0)",
    )  # fmt: skip
    add(
        "--min-area", metavar="PIXELS", type=int,
        help="leave smaller areas out of geojson, coco, labelme and yolo",
    )  # fmt: skip


def check(options: argparse.Namespace) -> None:
    """Raises InputError for options of exports without an export, or without a place."""
    if options.export is None:
        for name in ("simplify", "min_area"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} goes with --export")
    elif options.output == outputs.STDOUT:
        raise InputError("--export writes files: give a folder, as -o results/")


@contextlib.contextmanager
def opened(
    options: argparse.Namespace, pictures: Sequence[Picture], save_drawn: SaveDrawn
) -> Iterator[Save]:
    """Prepares the exports of some pictures; leaving it completes the files that hold them all.

    Raises:
        InputError: If the options or the output do not suit.
        MediaError: If a file cannot be completed.
    """
    from easyseg.export import ExportOptions, FolderWriter

    settings = ExportOptions(options.simplify, 1 if options.min_area is None else options.min_area)
    kinds = list(dict.fromkeys(options.export))
    if (
        options.output is not None
        and outputs.folder_of(options.output, several=len(pictures) > 1 or len(kinds) > 1) is None
    ):
        yield _one_file(options, kinds[0], settings, save_drawn)
        return
    folder = _folder(options.output, pictures)
    names = _names(pictures, folder)
    with FolderWriter(folder, [kind for kind in kinds if kind in KINDS], settings) as writer:
        drawn = [kind for kind in kinds if kind not in KINDS]
        yield _many(folder, names, drawn, writer, save_drawn)


def _one_file(
    options: argparse.Namespace, kind: str, settings: "ExportOptions", save_drawn: SaveDrawn
) -> Save:
    from easyseg.export import write_one

    target = Path(options.output)

    def save(_index: int, picture: Picture, result: "Segmentation") -> list[Path]:
        if picture.is_file and os.path.realpath(target) == os.path.realpath(picture.source):
            raise InputError(f"{target} is the photograph itself: choose another name")
        if kind in KINDS:
            write_one(target, result, kind, settings)
        else:
            save_drawn(result, kind, target)
        return [target]

    return save


def _many(
    folder: Path,
    names: Sequence[str],
    drawn: Sequence[str],
    writer: "FolderWriter",
    save_drawn: SaveDrawn,
) -> Save:
    def save(index: int, picture: Picture, result: "Segmentation") -> list[Path]:
        written = writer.add(result, names[index], _file_name(picture))
        for kind in drawn:
            extension = outputs.extension_of(picture, kind)
            target = folder / kind / f"{names[index]}{extension}"
            save_drawn(result, kind, target)
            written.append(target)
        return written

    return save


def _folder(output: str | None, pictures: Sequence[Picture]) -> Path:
    """The folder for the exports; without an output, one named after what was searched."""
    roots = {picture.root for picture in pictures}
    if output is not None:
        folder = Path(output)
    elif len(roots) == 1 and pictures[0].root:
        folder = Path(f"{pictures[0].root}_segmented")
    else:
        folder = Path(f"{pictures[0].stem}_segmented" if len(pictures) == 1 else "all_segmented")
    for picture in pictures:
        depth = len(picture.folder.parts) + 1
        if picture.root and folder.resolve() == Path(picture.source).absolute().parents[depth - 1]:
            raise InputError(
                f"{folder} is the folder of the photographs, and the exports would be found among "
                "them: choose another one"
            )
    return folder


def _names(pictures: Sequence[Picture], folder: Path) -> list[str]:
    """A path in the folder for each picture, without extension, no two alike."""
    targets = outputs.plan(pictures, f"{folder}{os.sep}", "labels")
    return [
        "" if path is None else path.relative_to(folder).with_suffix("").as_posix()
        for path in targets
    ]


def _file_name(picture: Picture) -> str:
    """What files for all photographs call this one: its path in the folder that was searched."""
    if picture.source == STDIN or is_url(picture.source):
        return f"{picture.stem}{picture.extension or '.jpg'}"
    name = Path(picture.source).name
    return (picture.folder / name).as_posix() if picture.root else Path(picture.source).as_posix()


def _kinds(text: str) -> list[str]:
    """Reads `palette,coco`."""
    kinds = [word.lower() for word in words(text)]
    known = (*KINDS, *outputs.KINDS)
    for kind in kinds:
        if kind not in known:
            raise argparse.ArgumentTypeError(f"no kind {kind!r}: choose from {', '.join(known)}")
    if not kinds:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}")
    return kinds
