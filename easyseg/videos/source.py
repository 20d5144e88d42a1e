"""Reads video files with PyAV: RGB frames with their exact times."""

import contextlib
import itertools
import logging
import math
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from easyseg._closing import Closing
from easyseg._types import Image, PathLike, plain
from easyseg.errors import InputError, MediaError
from easyseg.videos.frame_pixels import upright
from easyseg.videos.info import VideoInfo, describe, open_container, video_stream

__all__ = ["Frame", "VideoInfo", "VideoSource", "open_container", "video_stream"]

logger = logging.getLogger(__name__)

_USUAL_RATE = Fraction(25)
_MARGINS = (1, 5, 20)
"""Seconds before a moment that are sought, one after the other, until a key frame is found."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        image: RGB uint8 (H, W, 3), upright.
        index: Number of the frame in the file, counted from the start of the range, 0 first.
        time: When it is shown, in seconds from the beginning of the file, exact.
    """

    image: Image
    index: int
    time: Fraction


class VideoSource(Closing):
    """A video file, as an iterable of frames; variable frame rates keep their times.

    What is damaged is skipped and counted in `skipped`; a file that ends early ends early.

    Args:
        path: The file.
        start: First moment wanted, in seconds; the file is sought, not read, up to there.
        end: Moment to stop at, in seconds: a frame that is shown from then on is not given. Both
            are taken for the nearest frame's.
        stride: Every how many-th frame is given.
        max_frames: At most so many frames are given.

    Attributes:
        path: The file.
        info: What the file says of itself.
        skipped: How many damaged packets were skipped so far.
        ended: Whether the last iteration came to the end of the file, rather than of the range.

    Raises:
        InputError: If a number makes no sense.
        MediaError: If the file is not there, is not a video, or has no picture in it.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        start: float | None = None,
        end: float | None = None,
        stride: int = 1,
        max_frames: int | None = None,
    ) -> None:
        start, end = plain(start), plain(end)
        stride, max_frames = plain(stride), plain(max_frames)
        _check_range(start, end, stride, max_frames)
        self.path = Path(os.fspath(path)).expanduser()
        self.start, self.end = Fraction(start or 0), None if end is None else Fraction(end)
        self.stride, self.max_frames = stride, max_frames
        self.skipped = 0
        self.ended = False
        self._container = open_container(self.path)
        try:
            self._stream = video_stream(self._container, str(self.path))
            self._stream.thread_type = "AUTO"
            first = self._first_frame()
            self.info = describe(self._container, self._stream, first)
            if self.info.dynamic_range != "SDR":
                logger.warning(
                    "%s is of high dynamic range (%s): its light is compressed to what a usual "
                    "screen shows", self.path, self.info.dynamic_range,
                )  # fmt: skip
        except BaseException:
            self._container.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """Gives the frames in the order in which they are shown; may be called again."""
        with contextlib.closing(self._decoded(self._begin)) as decoded:
            yield from self._chosen(enumerate(decoded), 0)

    def after(self, index: int, time: Fraction, given: int) -> Iterator[Frame]:
        """Gives the frames that come after one, to go on where an earlier reader stopped.

        The file is sought up to there, or read from the start of the range where that does not
        find the frame.

        Args:
            index: Number of that frame.
            time: Its time.
            given: How many frames were given up to it, itself included.
        """
        with contextlib.closing(self._decoded(time)) as decoded:
            if next(decoded, (None, None))[1] == time:
                yield from self._chosen(enumerate(decoded, start=index + 1), given)
                return
        with contextlib.closing(self._decoded(self._begin)) as decoded:
            later = itertools.islice(enumerate(decoded), index + 1, None)
            yield from self._chosen(later, given)

    def _chosen(
        self, numbered: Iterable[tuple[int, tuple[VideoFrame, Fraction]]], given: int
    ) -> Iterator[Frame]:
        self.ended = False
        for index, (picture, time) in numbered:
            if self.end is not None and time + self._tolerance >= self.end:
                return
            if index % self.stride:
                continue
            if given == self.max_frames:
                return
            given += 1
            image = upright(picture, self.info.orientation)
            yield Frame(_at_first_size(image, self.info), index, time)
        self.ended = True

    def __len__(self) -> int:
        """How many frames are to be expected; an estimate.

        Raises:
            TypeError: If the file does not tell.
        """
        expected = self.expected_frames
        if expected is None:
            raise TypeError(f"{self.path} does not tell how many frames it has")
        return expected

    @property
    def _tolerance(self) -> Fraction:
        """Half a frame: so far a moment may lie from the frame it means, as 0.52 s from 13/25."""
        return 1 / (2 * self.info.rate) if self.info.rate else Fraction(0)

    @property
    def _begin(self) -> Fraction:
        return max(Fraction(0), self.start - self._tolerance)

    @property
    def expected_frames(self) -> int | None:
        """How many frames are to be expected, None if the file does not tell."""
        total, rate = self.info.frames, self.info.rate
        if total is None or not rate:
            return self.max_frames
        first = min(total, math.ceil(self._begin * rate))
        last = total
        if self.end is not None:
            last = min(total, math.ceil((self.end - self._tolerance) * rate))
        expected = -(-max(0, last - first) // self.stride)
        return expected if self.max_frames is None else min(expected, self.max_frames)

    def close(self) -> None:
        """Closes the file; further calls do nothing."""
        self._container.close()

    def _decoded(self, start: Fraction) -> Generator[tuple[VideoFrame, Fraction], None, None]:
        """Gives the frames from a moment on, with their times."""
        for margin in _MARGINS:
            if start <= margin:
                break
            timed = self._from_key_frame(start - margin)
            first = next(timed, None)
            # A file may be indexed by decoding times, or not at all: was it the right place?
            if first is not None and first[1] <= start:
                yield from self._not_before(start, itertools.chain([first], timed))
                return
        if not self._fresh:
            self._reopen()
        yield from self._not_before(start, self._timed())

    def _not_before(
        self, start: Fraction, timed: Iterable[tuple[VideoFrame, Fraction]]
    ) -> Iterator[tuple[VideoFrame, Fraction]]:
        return ((picture, time) for picture, time in timed if time >= start)

    def _from_key_frame(self, moment: Fraction) -> Iterator[tuple[VideoFrame, Fraction]]:
        """Seeks a moment; gives nothing where that cannot be done."""
        self._fresh, skipped = False, self.skipped
        target = math.floor((moment + self._origin) / self._time_base)
        try:
            self._container.seek(target, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._reopen()
            return
        timed = itertools.dropwhile(lambda one: not one[0].key_frame, self._timed())
        for first in timed:
            self.skipped = skipped  # what the jump has torn is not damaged
            if first[0].pts is not None:
                yield first
                yield from timed
            return

    def _timed(self) -> Iterator[tuple[VideoFrame, Fraction]]:
        self._fresh = False
        step = 1 / (self.info.rate or _USUAL_RATE)
        time = -step
        for picture in self._pictures(self._stream):
            # Streams without timestamps (raw H.264) go on at their rate.
            pts = picture.pts
            time = time + step if pts is None else pts * self._time_base - self._origin
            yield picture, time

    @property
    def _time_base(self) -> Fraction:
        return Fraction(self._stream.time_base or 1)

    @property
    def _origin(self) -> Fraction:
        """Time of the first frame, in the file's own count."""
        return (self._stream.start_time or 0) * self._time_base

    def _pictures(self, stream: VideoStream) -> Iterator[VideoFrame]:
        for packet in self._packets(stream):
            try:
                yield from stream.decode(packet)
            except av.error.FFmpegError:
                self.skipped += 1

    def _packets(self, stream: VideoStream) -> Iterator["Packet[VideoStream] | None"]:
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.skipped += 1
                packet = None
            if packet is None:
                yield None  # tells the decoder to hand out what it still holds
                return
            if packet.dts is not None or packet.size:
                yield packet

    def _first_frame(self) -> VideoFrame | None:
        picture = next(self._pictures(self._stream), None)
        self.skipped = 0
        if picture is None and not self._stream.width:
            raise MediaError(f"{str(self.path)!r} holds no picture that can be decoded")
        self._reopen()
        return picture

    def _reopen(self) -> None:
        """Starts over, for a decoder that has been fed cannot be rewound everywhere."""
        self._container.close()
        self._container = open_container(self.path)
        self._stream = video_stream(self._container, str(self.path))
        self._stream.thread_type = "AUTO"
        self._fresh = True


def _at_first_size(image: Image, info: VideoInfo) -> Image:
    if image.shape[:2] == (info.height, info.width):
        return image
    # A stream whose size changes on the way is shown at its first size, as players do.
    from easyseg.pictures.image import resize

    return cast(Image, resize(image, (info.height, info.width), "area"))


def _check_range(
    start: float | None, end: float | None, stride: int, max_frames: int | None
) -> None:
    for name, value in (("start", start), ("end", end)):
        number = isinstance(value, (int, float, Fraction)) and not isinstance(value, bool)
        if value is not None and not (number and 0 <= value < math.inf):
            raise InputError(f"{name} must be a time in seconds, 0 or more, not {value!r}")
    if end is not None and end <= (start or 0):
        raise InputError(f"end ({end} s) must be later than start ({start or 0} s)")
    if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
        raise InputError(f"stride must be a whole number, 1 or more, not {stride!r}")
    whole = isinstance(max_frames, int) and not isinstance(max_frames, bool)
    if max_frames is not None and not (whole and max_frames >= 1):
        raise InputError(f"max_frames must be 1 or more, or None for all, not {max_frames!r}")
