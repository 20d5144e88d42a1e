"""Reads video files with PyAV: RGB frames with their exact times."""

import contextlib
import itertools
import math
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from easyseg._closing import Closing
from easyseg._types import Image, PathLike, plain
from easyseg.errors import InputError, MediaError

HD_HEIGHT = 720
_UNTAGGED = {0, 2}
"""AVColorSpace's values for RGB and for "unspecified"."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: Of a frame as it is shown, in pixels, after rotation.
        height: Of a frame as it is shown, in pixels, after rotation.
        rate: Frames per second, exact; None where the file does not say.
        time_base: Unit of the timestamps, in seconds.
        frames: Number of frames as the container claims or the duration suggests; None if unknown.
        duration: In seconds; None if unknown.
        codec: Name of the video codec.
        audio: Names of the codecs of the audio streams.
        subtitles: Names of the codecs of the subtitle streams.
        rotation: Quarter turns, counterclockwise, that bring a stored frame upright.
        pixel_aspect: Width of a pixel relative to its height, as it is shown.
    """

    width: int
    height: int
    rate: Fraction | None
    time_base: Fraction
    frames: int | None
    duration: float | None
    codec: str
    audio: tuple[str, ...]
    subtitles: tuple[str, ...]
    rotation: int
    pixel_aspect: Fraction = Fraction(1)


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
        end: Moment to stop at, in seconds.
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
            self.info = _info(self._container, self._stream, first)
        except BaseException:
            self._container.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """Gives the frames in the order in which they are shown; may be called again."""
        with contextlib.closing(self._decoded(self.start)) as decoded:
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
        with contextlib.closing(self._decoded(self.start)) as decoded:
            later = itertools.islice(enumerate(decoded), index + 1, None)
            yield from self._chosen(later, given)

    def _chosen(
        self, numbered: Iterable[tuple[int, tuple[VideoFrame, Fraction]]], given: int
    ) -> Iterator[Frame]:
        self.ended = False
        for index, (picture, time) in numbered:
            if self.end is not None and time >= self.end:
                return
            if index % self.stride:
                continue
            if given == self.max_frames:
                return
            given += 1
            image = upright(picture, self.info.rotation)
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
    def expected_frames(self) -> int | None:
        """How many frames are to be expected, None if the file does not tell."""
        total, rate = self.info.frames, self.info.rate
        if total is None or not rate:
            return self.max_frames
        first = min(total, math.ceil(self.start * rate))
        last = total if self.end is None else min(total, math.ceil(self.end * rate))
        expected = -(-max(0, last - first) // self.stride)
        return expected if self.max_frames is None else min(expected, self.max_frames)

    def close(self) -> None:
        """Closes the file; further calls do nothing."""
        self._container.close()

    def _decoded(self, start: Fraction) -> Generator[tuple[VideoFrame, Fraction], None, None]:
        """Gives the frames from a moment on, with their times."""
        stream, time_base = self._stream, Fraction(self._stream.time_base or 1)
        origin = (stream.start_time or 0) * time_base
        target = math.floor((start + origin) / time_base)
        try:
            self._container.seek(target, stream=stream, backward=True)
        except av.error.FFmpegError:
            # Some containers cannot be sought: then they are read from the beginning.
            self._reopen()
            stream = self._stream
        step = 1 / self.info.rate if self.info.rate else Fraction(1, 25)
        time = -step
        for picture in self._pictures(stream):
            # Streams without timestamps (raw H.264) go on at their rate.
            pts = picture.pts
            time = time + step if pts is None else pts * time_base - origin
            if time >= start:
                yield picture, time

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


def open_container(path: Path) -> InputContainer:
    """Opens a media file.

    Args:
        path: The file.

    Returns:
        The container; the caller closes it.

    Raises:
        MediaError: If there is no such file or it is not a media file.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise MediaError(f"the video {str(path)!r} is {what}: give the path of a video file")
    try:
        return av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        size = path.stat().st_size
        raise MediaError(
            f"{str(path)!r} ({size} bytes) cannot be opened as a video, it seems to be damaged, "
            f"incomplete or something else: {error}"
        ) from error


def default_colorspace(height: int) -> Colorspace:
    """Tells by which norm players take the colours of a video that does not say: by its height.

    Args:
        height: Of a frame, in pixels.

    Returns:
        BT.709 for high definition, BT.601 below.
    """
    return Colorspace.ITU709 if height >= HD_HEIGHT else Colorspace.SMPTE170M


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """Finds the stream to play.

    Args:
        container: The opened file or stream.
        name: What it is called in the error.

    Returns:
        The first stream of moving pictures.

    Raises:
        MediaError: If there is none.
    """
    # A cover picture in a music file is a video stream too, but not one to play.
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise MediaError(f"{name!r} has no video in it, only: {_kinds(container)}")


def _kinds(container: InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _info(container: InputContainer, stream: VideoStream, first: VideoFrame | None) -> VideoInfo:
    rotation = 0 if first is None else quarter_turns(first)
    width, height = (stream.width, stream.height) if first is None else (first.width, first.height)
    if rotation % 2:
        width, height = height, width
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    duration = None
    if stream.duration is not None:
        duration = float(stream.duration * time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    frames = stream.frames or None
    if frames is None and duration is not None and rate:
        frames = round(duration * rate)
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return VideoInfo(
        width=width,
        height=height,
        rate=Fraction(rate) if rate else None,
        time_base=time_base,
        frames=frames,
        duration=duration,
        codec=stream.codec_context.name,
        audio=tuple(s.codec_context.name for s in container.streams.audio),
        subtitles=tuple(s.codec_context.name for s in container.streams.subtitles),
        rotation=rotation,
        pixel_aspect=1 / aspect if rotation % 2 else aspect,
    )


def quarter_turns(picture: VideoFrame) -> int:
    """Reads from a frame how it was rotated: quarter turns, counterclockwise, to set it upright."""
    return round(picture.rotation / 90) % 4


def upright(picture: VideoFrame, rotation: int) -> Image:
    """Makes a picture of a decoded frame.

    Args:
        picture: As the decoder gave it.
        rotation: Quarter turns, counterclockwise, that bring it upright.

    Returns:
        RGB uint8 (H, W, 3).
    """
    if picture.colorspace in _UNTAGGED and not picture.format.is_rgb:
        picture = picture.reformat(
            format="rgb24", src_colorspace=default_colorspace(picture.height)
        )
    image = cast(Image, picture.to_ndarray(format="rgb24"))
    return np.ascontiguousarray(np.rot90(image, rotation)) if rotation else image


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
