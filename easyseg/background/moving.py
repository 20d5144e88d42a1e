"""A video that is played for ever, in step with another one."""

import itertools
import threading
from collections.abc import Callable, Generator
from fractions import Fraction

from easyseg._closing import Closing
from easyseg._types import Image, PathLike
from easyseg.errors import MediaError
from easyseg.pipeline import ahead
from easyseg.videos.source import Frame, VideoSource

Clock = Callable[[], Fraction | float]
"""Gives the moment, in seconds from the beginning, that the next picture is for."""

_USUAL_RATE = Fraction(25)


def frame_clock(rate: Fraction | None, first: int = 0) -> Clock:
    """Makes a clock that goes on by a frame whenever it is looked at.

    Args:
        rate: Frames per second; None is 25.
        first: How many frames went before.
    """
    numbers = itertools.count(first)
    return lambda: next(numbers) / (rate or _USUAL_RATE)


class LoopedVideo(Closing):
    """A video without end; decoded in a thread of its own, a few frames ahead.

    Args:
        path: The file.
        clock: When the picture is for which a frame is wanted; never goes back.

    Raises:
        MediaError: If it is not there, or no video.
    """

    def __init__(self, path: PathLike, clock: Clock) -> None:
        self._source = VideoSource(path)
        self._clock = clock
        self._lock = threading.Lock()
        self._frames = ahead(self._decoded(), name="easyseg-background")
        self._current: Frame | None = None
        self._next: Frame | None = None

    def __call__(self) -> Image:
        """Gives the frame that is shown at the clock's moment: RGB uint8 (h, w, 3).

        Raises:
            MediaError: If the video has no frame that can be decoded.
        """
        with self._lock:
            time = self._clock()
            # The frame after the one that is shown tells for how long it is.
            while self._next is None or self._next.time <= time:
                following = next(self._frames)
                self._current, self._next = self._next or following, following
            return self._current.image if self._current else self._next.image

    def close(self) -> None:
        """Ends the thread and closes the file; further calls do nothing."""
        self._frames.close()
        self._source.close()

    def _decoded(self) -> Generator[Frame, None, None]:
        """Gives the frames over and over, their times counted from the first beginning."""
        step = 1 / (self._source.info.rate or _USUAL_RATE)
        begin = Fraction(0)
        while True:
            last: Frame | None = None
            for last in self._source:
                yield Frame(last.image, last.index, begin + last.time)
            if last is None:
                raise MediaError(f"{str(self._source.path)!r} has no frame that can be shown")
            begin += last.time + step
