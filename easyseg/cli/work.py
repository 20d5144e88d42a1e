"""What the commands share: the model, the picture that is drawn, and how errors are worded."""

import argparse
import contextlib
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyseg.files.shown import visible
from easyseg.options import DrawingOptions, NetworkOptions, pick

if TYPE_CHECKING:
    from easyseg._types import AnyArray
    from easyseg.engine import Segmenter
    from easyseg.result import Segmentation


def make_segmenter(options: argparse.Namespace) -> "Segmenter":
    """Loads the model that the options name; raises what `cached_segmenter` raises."""
    with interrupts_wait():
        from easyseg.engine import cached_segmenter

    return cached_segmenter(options.model, **pick(NetworkOptions, vars(options)))


def kept_classes(options: argparse.Namespace, segmenter: "Segmenter") -> tuple[int, ...] | None:
    """Looks the wanted classes up; None is all of them."""
    return None if options.classes is None else segmenter.label_set.select(options.classes)


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Holds Ctrl-C back: PyTorch aborts the process when it is interrupted while it is loaded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt


def draw(result: "Segmentation", options: argparse.Namespace) -> "AnyArray":
    """Makes the picture that the options ask for: RGB uint8 (H, W, 3), or ids (H, W)."""
    if options.kind == "labels":
        return result.labels
    if options.kind == "colors":
        return result.colorize()
    return result.overlay(**pick(DrawingOptions, vars(options)))


def write_picture(target: Path | None, picture: "AnyArray") -> None:
    """Writes a picture to its file, whose folder is made, or to the standard output for None."""
    from easyseg.files import make_folder
    from easyseg.pictures.image import encode, write

    if target is None:
        sys.stdout.buffer.write(encode(picture, ".png"))
        sys.stdout.buffer.flush()
        return
    make_folder(target.parent)
    write(target, picture)


def worded(source: str, error: Exception) -> str:
    """The error in one line that names the file."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if source in text else f"{source}: {text}"


def complain(options: argparse.Namespace, source: str, error: Exception) -> None:
    """Says what is wrong with a file, while the others are still to come."""
    if options.debug:
        traceback.print_exc()
    print(f"easyseg: error: {visible(worded(source, error))}", file=sys.stderr)


def status(options: argparse.Namespace, done: int, failed: int) -> int:
    """Gives the exit status: 1 when some failed that were not to be skipped, 2 when all did."""
    if failed and not done:
        return 2
    return 1 if failed and options.on_error != "skip" else 0


def add_common(parser: argparse.ArgumentParser, *, json: str = "", quiet: str = "") -> None:
    """Adds what a command says: `--json` with its help, where there is one, and `--quiet`."""
    if json:
        parser.add_argument("--json", action="store_true", help=json)
    parser.add_argument(
        "-q", "--quiet", action="store_true", help=quiet or "say nothing but errors"
    )


def add_inputs(parser: argparse.ArgumentParser, metavar: str, text: str, output: str = "") -> None:
    """Adds the files that a command works on, and where the result goes."""
    parser.add_argument("photos", nargs="+", metavar=metavar, help=text)
    if output:
        parser.add_argument("-o", "--output", metavar="OUT", help=output)


def unless_quiet(options: argparse.Namespace) -> Any:
    """The choice of a progress bar: shown on a terminal, or never."""
    return False if options.quiet else None
