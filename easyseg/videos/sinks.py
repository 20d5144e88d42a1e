"""What all sinks of frames share: checks, temporary names, and how they end."""

import contextlib
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av.error

from easyseg._types import Image
from easyseg.errors import EasysegError, InputError, MediaError
from easyseg.files import uninterrupted

logger = logging.getLogger(__name__)


class LiveSink(Protocol):
    """Something that takes the pictures of a live source: a recording, a virtual camera."""

    def write(self, image: Image, time: Fraction) -> None:
        """Takes a picture, RGB uint8 (H, W, 3), captured at `time`, in seconds since the first."""

    def close(self) -> None:
        """Ends it; further calls do nothing."""


class FrameSink(Protocol):
    """Something that takes frames one by one and is complete when it is closed.

    Attributes:
        path: The target.
        encoder: Name of what codes the pictures; None before the first frame.
        frames: How many frames were written so far.
    """

    path: Path
    encoder: str | None
    frames: int

    def write(self, image: Image, time: Fraction) -> None:
        """Adds a frame, RGB uint8 (H, W, 3), shown at `time`, in seconds of the source."""

    def close(self, *, cut: bool = False) -> None:
        """Completes the target; `cut` ends sound with the last frame."""

    def discard(self) -> None:
        """Throws away what is not complete."""


def finish_after(sink: FrameSink, error: BaseException | None) -> None:
    """Ends a sink whose `with` block is left, by an error perhaps.

    What was finished is kept, and an error on the way out never hides the first one.

    Raises:
        MediaError: If there was no error before, and the sink cannot be completed.
    """
    with uninterrupted():
        if error is None:
            sink.close()
        elif not sink.frames:
            sink.discard()
        else:
            try:
                sink.close(cut=True)
            except EasysegError as second:
                logger.warning("%s could not be completed: %s", sink.path, second)


def check_size(image: Image, size: tuple[int, int]) -> None:
    """Raises InputError for a frame that has not the height and width of the first."""
    if image.shape[:2] != size:
        raise InputError(
            f"frames must keep their size: the first was {size}, this is "
            f"{image.shape[:2]} (height, width)"
        )


@contextlib.contextmanager
def as_media_errors(path: Path) -> Iterator[None]:
    """Turns FFmpeg's and the system's errors into MediaError with the path."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{str(path)!r} cannot be written: {error}") from error
