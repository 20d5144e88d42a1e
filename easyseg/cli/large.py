"""The part of the plain command for pictures that are too large for memory."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.cli import outputs, work
from easyseg.cli.flags import chosen
from easyseg.cli.inputs import Picture
from easyseg.errors import InputError
from easyseg.options import LargeOptions, pick

if TYPE_CHECKING:
    from easyseg.large import LargeSegmentation

Large = Callable[[int, Picture], "tuple[LargeSegmentation, list[Path]]"]
"""Segments a picture, given with its place among all, from file to file; tells the files, too."""


def segment(
    options: argparse.Namespace, pictures: Sequence[Picture], index: int, picture: Picture
) -> "tuple[LargeSegmentation, list[Path]]":
    """Segments one of some pictures from file to file.

    Raises:
        InputError: If the options ask for what takes the whole picture.
        MediaError: If it cannot be read or written.
    """
    from easyseg.files import make_folder
    from easyseg.large import segment_large

    if options.export is not None:
        raise InputError(
            "the picture is too large for memory, and exports take all of it: use --kind labels, "
            "which writes the class ids to a TIFF"
        )
    target = outputs.plan(pictures, options.output, options.kind)[index]
    if target is None:
        raise InputError("the picture is too large for the standard output: give a file, .tif")
    make_folder(target.parent)
    choices = chosen(options, LargeOptions)
    choices |= {kind: target if options.kind == kind else None for kind in ("colors", "labels")}
    choices["progress"] = work.unless_quiet(options)
    overlay = target if options.kind == "overlay" else None
    result = segment_large(picture.source, overlay, **pick(LargeOptions, choices))
    return result, [target]
