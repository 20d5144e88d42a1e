"""What PixelLib's camera methods have in common: their parameters, and how they end."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import TypeAlias

from easyseg._types import PathLike
from easyseg.cameras.captures import CameraLike
from easyseg.options import RATE, DisplayName
from easyseg.pipeline.live import Live, LiveSummary

Shown: TypeAlias = tuple[float | None, PathLike | None, bool, str | None]
"""The first parameters of `live_of`, in their order."""


def live_of(
    rate: float | None, target: PathLike | None, show: bool, title: str | None, display: DisplayName
) -> Live:
    """Words PixelLib's parameters as a `Live`.

    Args:
        rate: Frames a second to reach; None is the usual rate.
        target: Video file to record to, or None.
        show: Whether to show the picture.
        title: Of the window; None is `"easyseg"`.
        display: Where to show it, if at all.
    """
    return Live(
        rate=RATE if rate is None else rate,
        display=display if show else "none",
        title=title or "easyseg",
        record=target,
    )


@contextlib.contextmanager
def released(source: CameraLike) -> Iterator[None]:
    """Releases a capture at the end, as PixelLib does; whatever happens."""
    try:
        yield
    finally:
        release = getattr(source, "release", None)
        if callable(release):
            release()


def report(summary: LiveSummary, logger: logging.Logger, check_fps: bool, verbose: object) -> None:
    """Tells what was done: the rate where it was asked for, the rest to the log."""
    if check_fps and sys.stdout is not None:
        # PixelLib's words, on the standard output: who sets this asks for just that line.
        sys.stdout.write(f"{summary.rate:.2f} frames per seconds\n")
        sys.stdout.flush()
    logger.log(
        logging.INFO if verbose else logging.DEBUG,
        "%d frames shown, %d dropped, recorded %s",
        summary.frames, summary.dropped, ", ".join(map(str, summary.recordings)) or "nothing",
    )  # fmt: skip
