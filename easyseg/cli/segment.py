"""Finds what is in photographs, pixel by pixel, and draws it over them."""

import argparse
import contextlib
import functools
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyseg.cli import COMMANDS, exports, large, video, work
from easyseg.cli.exports import Save
from easyseg.cli.flags import add_flags
from easyseg.cli.inputs import STDIN, Inputs, Picture, find, is_large
from easyseg.cli.outputs import STDOUT, KindOptions, folder_of, plan
from easyseg.cli.work import interrupts_wait
from easyseg.errors import EasysegError, InputError
from easyseg.files.shown import visible
from easyseg.options import (
    DrawingOptions,
    LookingOptions,
    ManyOptions,
    QualityOptions,
    ReadingOptions,
    RunningOptions,
)

if TYPE_CHECKING:
    from easyseg.large import LargeSegmentation
    from easyseg.result import Segmentation

Saving = Callable[[argparse.Namespace, list[Picture]], AbstractContextManager[Save]]
"""Opens what saves the results of some pictures, and completes it."""

__all__ = ["add_arguments", "interrupts_wait", "run", "segment_each"]

_SHOWN_CLASSES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.usage = (
        "easyseg PHOTO... [-o OUT] [options]\n       easyseg VIDEO... [-o OUT] [options]\n"
        "       easyseg COMMAND [options]"
    )
    work.add_inputs(
        parser, "PHOTO",
        "a file, a folder (searched through all its depth), a quoted pattern ('day?/*.jpg', "
        "'**/*.png'), a URL, or - for the standard input",
        "a file, or a folder, which is made (a name without an extension, or with a slash at "
        "the end, is a folder's); - is the standard output, as PNG. Without it: PHOTO_segmented "
        "in the current folder, FOLDER_segmented for a folder. Files that are there from an "
        "earlier run are replaced, photographs never",
    )  # fmt: skip
    work.add_common(
        parser, json="a line of JSON for each picture: its classes, their shares, the file written"
    )
    add_flags(
        parser, LookingOptions, RunningOptions, QualityOptions, ReadingOptions, ManyOptions,
        KindOptions, DrawingOptions, *video.GROUPS, on_error=None,
    )  # fmt: skip
    exports.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Segments the pictures.

    Returns:
        0, or 1 when some failed, or 2 when all did.

    Raises:
        InputError: If the options do not go together, or name what does not exist.
        ModelError: If the model cannot be loaded.
    """
    _check(options)
    videos = video.find(options)
    if videos and options.export is not None:
        raise InputError("--export is for photographs, not for videos")
    if videos:
        return video.run(options, videos)
    inputs = find(options.photos, leave_out=folder_of(options.output, several=False))
    by_parts = functools.partial(large.segment, options, inputs.pictures)
    return segment_each(options, inputs, _saving, by_parts)


def segment_each(
    options: argparse.Namespace,
    inputs: Inputs,
    saving: Saving,
    by_parts: large.Large | None = None,
) -> int:
    """Segments one picture after another; what fails is noted, said at the end and passed over.

    Args:
        options: What the user wrote.
        inputs: The pictures, and what was wrong already.
        saving: Makes, from the options and the pictures, the context with what saves each result.
        by_parts: What segments and saves those that are too large for memory, where that can be.

    Returns:
        0, or 1 when some failed, or 2 when all did.

    Raises:
        InputError: If an input is none, and the first that fails is to end it all.
    """
    if options.on_error == "raise" and inputs.problems:
        raise InputError("; ".join(inputs.problems))
    failures = list(inputs.problems)
    done = 0
    try:
        if inputs.pictures:
            with saving(options, inputs.pictures) as save:
                segment = functools.partial(_segment, _opened(options), save, by_parts)
                for picture, result, files in _results(options, inputs.pictures, failures, segment):
                    done += 1
                    _report(options, picture, result, files)
    finally:  # after Ctrl-C, too
        skips = options.on_error == "skip"
        for message in failures:
            print(
                f"easyseg: {'skipped' if skips else 'error'}: {visible(message)}", file=sys.stderr
            )
        if done and failures:
            end = "skipped" if skips else "failed"
            print(f"easyseg: {done} done, {len(failures)} {end}", file=sys.stderr)
    return work.status(options, done, len(failures))


def _opened(options: argparse.Namespace) -> "Callable[[Picture], Segmentation]":
    """Loads the model; gives what segments a picture with it."""
    segmenter = work.make_segmenter(options)
    kept = work.kept_classes(options, segmenter)

    def segment(picture: Picture) -> "Segmentation":
        source = sys.stdin.buffer.read() if picture.source == STDIN else picture.source
        result = segmenter(
            source, tta=options.tta, tile=options.tile, max_pixels=options.max_pixels
        )
        return result if kept is None else result.only(kept)

    return segment


def _segment(
    segment: "Callable[[Picture], Segmentation]",
    save: Save,
    by_parts: large.Large | None,
    index: int,
    picture: Picture,
) -> "tuple[Segmentation | LargeSegmentation, list[Path]]":
    """Segments a picture and saves the result."""
    if by_parts is not None and is_large(picture):
        return by_parts(index, picture)
    result = segment(picture)
    return result, save(index, picture, result)


def _results(
    options: argparse.Namespace,
    pictures: list[Picture],
    failures: list[str],
    segment: "Callable[[int, Picture], tuple[Segmentation | LargeSegmentation, list[Path]]]",
) -> "Iterator[tuple[Picture, Segmentation | LargeSegmentation, list[Path]]]":
    for index, picture in enumerate(_progress(options, pictures)):
        try:
            result, files = segment(index, picture)
        except BrokenPipeError:  # of the standard output
            raise
        # RuntimeError is what PyTorch raises when memory runs out.
        except (EasysegError, OSError, MemoryError, RuntimeError) as error:
            if options.debug:
                traceback.print_exc()
            name = "the standard input" if picture.source == STDIN else picture.source
            failures.append(work.worded(name, error))
            if options.on_error == "raise":
                return
        else:
            yield picture, result, files


@contextlib.contextmanager
def _saving(options: argparse.Namespace, pictures: list[Picture]) -> Iterator[Save]:
    """What the options ask for: exports, or a picture of each result."""
    if options.export is not None:
        with exports.opened(options, pictures, functools.partial(_save_drawn, options)) as save:
            yield save
        return
    targets = plan(pictures, options.output, options.kind)

    def save_picture(index: int, _picture: Picture, result: "Segmentation") -> list[Path]:
        target = targets[index]
        work.write_picture(target, work.draw(result, options))
        return [] if target is None else [target]

    yield save_picture


def _save_drawn(
    options: argparse.Namespace, result: "Segmentation", kind: str, target: Path
) -> None:
    work.write_picture(
        target, work.draw(result, argparse.Namespace(**{**vars(options), "kind": kind}))
    )


def _check(options: argparse.Namespace) -> None:
    """Raises InputError for options that do not go together, before anything is loaded."""
    exports.check(options)
    for word in options.photos:
        if word in COMMANDS and not Path(word).exists():
            raise InputError(f"the command comes first: easyseg {word} [options]")
    if STDIN in options.photos and (sys.stdin is None or sys.stdin.isatty()):
        raise InputError("- reads a picture from the standard input: easyseg - < photo.jpg")
    if options.output == STDOUT:
        if options.json:
            raise InputError("--json and -o - both want the standard output: write to a file")
        if sys.stdout is None or sys.stdout.isatty():
            raise InputError("-o - writes a PNG, which a terminal cannot show: add > FILE")


def _progress(options: argparse.Namespace, pictures: list[Picture]) -> Iterator[Picture]:
    """Goes through the pictures, with a bar where somebody watches it."""
    watched = sys.stderr is not None and sys.stderr.isatty()
    if len(pictures) < 2 or options.quiet or not watched:
        yield from pictures
        return
    from tqdm import tqdm

    with tqdm(pictures, unit="picture", leave=False) as bar:
        yield from bar


def _report(
    options: argparse.Namespace,
    picture: Picture,
    result: "Segmentation | LargeSegmentation",
    files: list[Path],
) -> None:
    if not files or (options.quiet and not options.json):
        return
    names = [str(path) for path in files]
    if options.json:
        facts: dict[str, Any] = {**result.to_dict(), "source": picture.source}
        written = {"output": names[0]} if options.export is None else {"outputs": names}
        line = json.dumps(facts | written)
    else:
        line = visible(f"{picture.source if len(names) > 1 else names[0]}  {_summary(result)}")
    if sys.stdout is not None:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)  # knows how to print beside its bar
        sys.stdout.flush()


def _summary(result: "Segmentation | LargeSegmentation") -> str:
    from easyseg.render.legend import percent

    areas = [area for area in result.classes if area.id != result.label_set.background]
    areas = areas or list(result.classes)
    shown = [f"{area.name} {percent(area.ratio)}" for area in areas[:_SHOWN_CLASSES]]
    if len(areas) > _SHOWN_CLASSES:
        shown.append(f"{len(areas) - _SHOWN_CLASSES} more")
    return ", ".join(shown) or "none of these classes"
