"""Writes video files with PyAV: exact times, sound and subtitles copied, nothing half-written."""

import contextlib
import logging
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import av.error
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from easyseg._types import Image, PathLike
from easyseg.errors import InputError, MediaError
from easyseg.media._tracks import TrackCopier
from easyseg.media.sinks import as_media_errors, check_target, finish_after, part_of
from easyseg.media.video import VideoInfo, default_colorspace

logger = logging.getLogger(__name__)

H264 = ("libx264", "h264_videotoolbox", "libopenh264", "h264_mf", "mpeg4")
"""Encoders for mp4 and its like, the best first."""

ENCODERS: dict[str, tuple[str, ...]] = {
    ".mp4": H264, ".m4v": H264, ".mov": H264, ".mkv": H264, ".avi": (*H264[:1], "mpeg4"),
    ".webm": ("libvpx-vp9", "libvpx"),
}  # fmt: skip

MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class Encoding:
    """How the picture is coded.

    Attributes:
        encoder: Name of FFmpeg's encoder; None takes the best that is there for the extension.
        crf: Constant rate factor, 0 (lossless) to 51 (H.264) or 63 (VP9); None is 20 for H.264
            and 31 for VP9.
        preset: H.264's speed preset; None is `"veryfast"`.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise InputError(f"crf must be a number from 0 to 63, not {self.crf!r}")


class VideoSink:
    """A video file that is being written; it gets its name when it is complete.

    H.264 (yuv420p, index in front) in mp4, mov and mkv, VP9 in webm. A picture with an odd side
    loses its last row or column, because yuv420p has none. The target begins with the first frame,
    whatever its time. Leaving the `with` block by an error still completes the file: what was
    finished is playable. `discard` throws it away instead.

    Args:
        path: The target; its extension decides the container.
        info: The source's properties: its time base and rate are kept.
        copy_from: Video file whose sound and subtitles are copied, packet by packet; they begin
            with the first frame that is written. Sound that the container cannot hold is coded
            anew.
        end: Moment of the source, in seconds, where sound and subtitles end too.
        encoding: How the picture is coded.

    Attributes:
        path: The target.
        encoder: Name of the encoder in use, None before the first frame.
        frames: How many frames were written so far.

    Raises:
        InputError: If the extension is not known or the encoder does not exist.
        MediaError: If the target cannot be created.
    """

    def __init__(
        self,
        path: PathLike,
        info: VideoInfo,
        *,
        copy_from: PathLike | None = None,
        end: float | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        self.path = Path(os.fspath(path)).expanduser()
        self._encoding = encoding or Encoding()
        self._encoders = _usable_encoders(self.path, self._encoding.encoder)
        check_target(self.path)
        self._info = info
        self._clock = _Clock(info)
        self._begin: Fraction | None = None
        self._end = None if end is None else Fraction(end)
        self._last = Fraction(0)
        self._part = part_of(self.path)
        self._copy_from = None if copy_from is None else Path(os.fspath(copy_from)).expanduser()
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._copier: TrackCopier | None = None
        self._size = (0, 0)
        self.encoder: str | None = None
        self.frames = 0

    def write(self, image: Image, time: Fraction) -> None:
        """Adds a frame.

        Args:
            image: RGB uint8 (H, W, 3), of the same size every time.
            time: When it is shown, in seconds of the source; later than the frame before.

        Raises:
            InputError: If the size changes.
            MediaError: If it cannot be written.
        """
        if self._output is None:
            if self.frames:
                raise MediaError(f"{str(self.path)!r} is complete, it takes no more frames")
            self._begin = time
            self._size = (image.shape[0], image.shape[1])
            self._open(time)
        self._last = time - (self._begin or 0)
        if image.shape[:2] != self._size:
            raise InputError(
                f"frames must keep their size: the first was {self._size}, this is "
                f"{image.shape[:2]} (height, width)"
            )
        frame = _even_frame(image)
        frame.pts, frame.time_base = self._clock.ticks(self._last), self._clock.time_base
        with as_media_errors(self.path):
            self._encode(frame)
            if self._copier is not None:
                self._copier.copy_until(self._last)
        self.frames += 1

    def close(self, *, cut: bool = False) -> None:
        """Completes the file and gives it its name; further calls do nothing.

        Args:
            cut: Whether sound and subtitles end with the last frame, rather than with the source.

        Raises:
            MediaError: If no frame was written, or the file cannot be completed.
        """
        if self._output is None:
            if not self.frames:
                raise MediaError(f"nothing was written to {str(self.path)!r}: there was no frame")
            return
        try:
            with as_media_errors(self.path):
                self._encode(None)
                if self._copier is not None:
                    step = 1 / (self._info.rate or Fraction(25))
                    self._copier.copy_until(self._last + step if cut else None)
                    self._copier.finish()
                self._release()
                self._part.replace(self.path)
        finally:
            self.discard()

    def discard(self) -> None:
        """Throws away what is not complete; what had the target's name before stays."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._release()
        self._output = None
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> "VideoSink":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        finish_after(self, error)

    def _open(self, start: Fraction) -> None:
        with as_media_errors(self.path):
            for encoder in self._encoders:
                # A stream cannot be taken back: the next encoder gets a new container.
                self._output = av.open(str(self._part), "w", options=self._container_options())
                try:
                    self._stream = self._add_stream(self._output, encoder)
                    break
                except (av.error.FFmpegError, ValueError) as error:
                    logger.warning("the encoder %s cannot be used: %s", encoder, error)
                    self.discard()
            if self._stream is None or self._output is None:
                raise MediaError(f"none of the encoders {', '.join(self._encoders)} works here")
            self.encoder = self._stream.codec_context.name
            if self.encoder != self._encoders[0]:
                logger.warning("%s is written by %s, the next best", self.path, self.encoder)
            if self._copy_from is not None:
                self._copier = TrackCopier(self._copy_from, self._output, start, self._end)

    def _container_options(self) -> dict[str, str]:
        indexed_in_front = self.path.suffix.lower() in {".mp4", ".m4v", ".mov"}
        return {"movflags": "+faststart"} if indexed_in_front else {}

    def _add_stream(self, output: OutputContainer, encoder: str) -> VideoStream:
        rate = self._info.rate or Fraction(25)
        stream = cast(VideoStream, output.add_stream(encoder, rate=rate))
        height, width = self._size
        stream.width, stream.height = max(2, width - width % 2), max(2, height - height % 2)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._clock.time_base
        context.colorspace = default_colorspace(height)
        context.color_range = 1
        context.options = self._options(encoder)
        context.open()
        return stream

    def _options(self, encoder: str) -> dict[str, str]:
        crf = self._encoding.crf
        if encoder == "libx264":
            return {"crf": str(20 if crf is None else crf),
                    "preset": self._encoding.preset or "veryfast"}  # fmt: skip
        if encoder.startswith("libvpx"):
            return {"crf": str(31 if crf is None else crf), "b": "0", "deadline": "realtime",
                    "cpu-used": "6", "row-mt": "1"}  # fmt: skip
        return {"qscale": "3"}

    def _encode(self, frame: VideoFrame | None) -> None:
        if self._stream is not None and self._output is not None:
            for packet in self._stream.encode(frame):
                self._output.mux(packet)

    def _release(self) -> None:
        copier, self._copier = self._copier, None
        output, self._output = self._output, None
        try:
            if copier is not None:
                copier.close()
        finally:
            if output is not None:
                output.close()


class _Clock:
    """Turns seconds into ticks of a time base in which the source's rate is exact.

    Matroska rounds times to milliseconds; a time that is within one of a whole number of frames
    is taken for that number, so that 29.97 stays 30000/1001.
    """

    def __init__(self, info: VideoInfo) -> None:
        rate, source = info.rate, info.time_base
        self._rounded = source == MILLISECOND
        self._rate = rate if self._rounded else None
        self.time_base = source
        if self._rounded and rate is not None and rate.numerator <= 10**6:
            factor = -(-90_000 // rate.numerator)
            self.time_base = Fraction(1, rate.numerator * factor)
        self._last = -1

    def ticks(self, time: Fraction) -> int:
        if self._rate is not None:
            number = round(time * self._rate)
            if abs(Fraction(number) / self._rate - time) <= MILLISECOND:
                time = Fraction(number) / self._rate
        self._last = max(self._last + 1, round(time / self.time_base))
        return self._last


def _usable_encoders(path: Path, wanted: str | None) -> tuple[str, ...]:
    suffix = path.suffix.lower()
    if suffix not in ENCODERS:
        raise InputError(
            f"{str(path)!r} must end in one of {', '.join(ENCODERS)}: the ending decides the format"
        )
    if wanted is not None:
        if wanted not in av.codecs_available:
            raise InputError(f"this installation of PyAV has no encoder {wanted!r}")
        return (wanted,)
    usable = tuple(name for name in ENCODERS[suffix] if name in av.codecs_available)
    if not usable:
        raise MediaError(f"this installation of PyAV has no encoder for {suffix} files")
    return usable


def _even_frame(image: Image) -> VideoFrame:
    height, width = image.shape[:2]
    if 1 in (height, width):
        image = image.repeat(1 + (height == 1), axis=0).repeat(1 + (width == 1), axis=1)
        height, width = image.shape[:2]
    even = image[: height - height % 2, : width - width % 2]
    return VideoFrame.from_ndarray(even, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=default_colorspace(height), dst_color_range=1
    )
