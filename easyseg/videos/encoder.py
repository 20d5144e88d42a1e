"""Turns frames into the packets of a video stream: which encoder, how it is set, exact times."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from easyseg._types import Image, make_plain_
from easyseg.errors import InputError, MediaError
from easyseg.videos.frame_pixels import default_colorspace
from easyseg.videos.source import VideoInfo

logger = logging.getLogger(__name__)

H264 = ("libx264", "h264_videotoolbox", "libopenh264", "h264_mf", "mpeg4")
"""Encoders for mp4 and its like, the best first."""

ENCODERS: dict[str, tuple[str, ...]] = {
    ".mp4": H264, ".m4v": H264, ".mov": H264, ".mkv": H264, ".avi": (*H264[:1], "mpeg4"),
    ".webm": ("libvpx-vp9", "libvpx"),
}  # fmt: skip

ALPHA_FORMATS = {"prores_ks": "yuva444p10le", "libvpx-vp9": "yuva420p"}
"""Encoders that keep transparency, and the pixels they take."""

ALPHA_ENCODERS: dict[str, tuple[str, ...]] = {".mov": ("prores_ks",), ".webm": ("libvpx-vp9",)}
"""Encoders for transparent videos: ProRes 4444 and VP9."""

COUNTED = {".avi"}
"""Files that have no times of frames, but a rate."""

MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class Encoding:
    """How the picture is coded.

    Attributes:
        encoder: Name of FFmpeg's encoder; None takes the best that is there for the extension.
        crf: Constant rate factor, 0 (lossless) to 51 (H.264) or 63 (VP9); None is 20 for H.264
            and 31 for VP9.
        preset: H.264's speed preset; None is `"veryfast"`.
        alpha: Whether frames are RGBA and their transparency is kept: ProRes 4444 in `.mov`, VP9 in
            `.webm`.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    alpha: bool = False

    def __post_init__(self) -> None:
        make_plain_(self, "crf")
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise InputError(f"crf must be a number from 0 to 63, not {self.crf!r}")


class VideoEncoder:
    """The first of several encoders that works, with its stream in a container.

    Args:
        path: Target that is being made; its extension decides the encoders.
        info: The source's properties: its time base and rate are kept.
        encoding: How the picture is coded.
        clock: One that has run before, to go on with; None is a new one.

    Attributes:
        name: Name of the encoder in use, None before `open`.
        stream: Its stream, None before `open`.
        clock: Turns seconds into the stream's ticks.

    Raises:
        InputError: If the extension is not known or the encoder does not exist.
        MediaError: If there is no encoder for the extension.
    """

    def __init__(
        self, path: Path, info: VideoInfo, encoding: Encoding, clock: "Clock | None" = None
    ) -> None:
        self._path, self._info, self._encoding = path, info, encoding
        self._encoders = _usable_encoders(path, encoding)
        self.stream: VideoStream | None = None
        self.clock = clock or clock_for(path, info)
        self.name: str | None = None

    @property
    def extradata(self) -> bytes:
        """What a decoder has to know before the first packet; often empty."""
        return b"" if self.stream is None else self.stream.codec_context.extradata or b""

    def open(self, part: Path, size: tuple[int, int]) -> OutputContainer:
        """Opens a container with a stream for frames of a size (height, width).

        Nothing is written to the disk before the first packet is muxed.

        Args:
            part: Name of the file.
            size: Height and width of the frames.

        Raises:
            MediaError: If none of the encoders works.
            OSError: If the file cannot be made, like FFmpegError.
        """
        for encoder in self._encoders:
            # A stream cannot be taken back: the next encoder gets a new container.
            output = av.open(str(part), "w", options=self._container_options())
            try:
                self.stream = self._add_stream(output, encoder, size)
            except (av.error.FFmpegError, ValueError) as error:
                logger.warning("the encoder %s cannot be used: %s", encoder, error)
                output.close()
                continue
            self.name = self.stream.codec_context.name
            if self.name != self._encoders[0]:
                logger.warning("%s is written by %s, the next best", self._path, self.name)
            return output
        raise MediaError(f"none of the encoders {', '.join(self._encoders)} works here")

    def encode(self, image: Image, time: Fraction) -> "Iterator[Packet[VideoStream]]":
        """Codes a frame.

        Args:
            image: RGB uint8 (H, W, 3), or RGBA (H, W, 4) where the encoding keeps it.
            time: Seconds from the target's beginning.

        Yields:
            The packets that are ready by then.

        Raises:
            InputError: If the image has alpha and the encoding none, or the other way round.
        """
        if (image.shape[2] == 4) != self._encoding.alpha:
            raise InputError(
                f"this video is {'transparent' if self._encoding.alpha else 'opaque'}, but a frame "
                f"has {image.shape[2]} channels: say so by Encoding(alpha=...)"
            )
        frame = _even_frame(image, self._pixels)
        frame.pts, frame.time_base = self.clock.ticks(time), self.clock.time_base
        yield from self._packets(frame)

    def flush(self) -> "Iterator[Packet[VideoStream]]":
        """Gives the packets that the encoder still holds; it takes no more frames."""
        yield from self._packets(None)

    @property
    def _pixels(self) -> str:
        """Name of the format that the encoder takes."""
        return ALPHA_FORMATS[self._encoders[0]] if self._encoding.alpha else "yuv420p"

    def _packets(self, frame: VideoFrame | None) -> "Iterator[Packet[VideoStream]]":
        if self.stream is not None:
            yield from self.stream.encode(frame)

    def _container_options(self) -> dict[str, str]:
        indexed_in_front = self._path.suffix.lower() in {".mp4", ".m4v", ".mov"}
        return {"movflags": "+faststart"} if indexed_in_front else {}

    def _add_stream(
        self, output: OutputContainer, encoder: str, size: tuple[int, int]
    ) -> VideoStream:
        rate = self._info.rate or Fraction(25)
        stream = cast(VideoStream, output.add_stream(encoder, rate=rate))
        height, width = size
        stream.width, stream.height = max(2, width - width % 2), max(2, height - height % 2)
        stream.pix_fmt = self._pixels
        context = stream.codec_context
        context.time_base = self.clock.time_base
        if self._info.pixel_aspect != 1:
            context.sample_aspect_ratio = self._info.pixel_aspect
        context.colorspace = default_colorspace(height)
        context.color_range = 1
        context.options = self._options(encoder)
        context.open()
        return stream

    def _options(self, encoder: str) -> dict[str, str]:
        crf = self._encoding.crf
        if encoder == "libx264":
            # Without times of their own, frames that come in another order are shown too late.
            order = {"bf": "0"} if self._path.suffix.lower() in COUNTED else {}
            return {"crf": str(20 if crf is None else crf),
                    "preset": self._encoding.preset or "veryfast", **order}  # fmt: skip
        if encoder.startswith("libvpx"):
            # Frames that are never shown, alternate references, know no alpha.
            return {"crf": str(31 if crf is None else crf), "b": "0", "deadline": "realtime",
                    "cpu-used": "6", "row-mt": "1",
                    **({"auto-alt-ref": "0"} if self._encoding.alpha else {})}  # fmt: skip
        if encoder == "prores_ks":
            return {"profile": "4444"}
        return {"qscale": "3"}


class Clock:
    """Turns seconds into ticks of a time base in which the source's rate is exact.

    Matroska rounds times to milliseconds; a time that is within one of a whole number of frames
    is taken for that number, so that 29.97 stays 30000/1001.

    Args:
        info: The source's properties.
        counted: Whether the target has no times but a number for each frame, as AVI; where some
            are left out, the one before stays.

    Attributes:
        time_base: Length of a tick in seconds.
        last: The last tick that was given, -1 at first.
    """

    def __init__(self, info: VideoInfo, *, counted: bool = False) -> None:
        rate, source = info.rate, info.time_base
        if counted and rate is not None:
            source = 1 / rate
        self._rounded = source == MILLISECOND
        self._rate = rate if self._rounded else None
        self.time_base = source
        if self._rounded and rate is not None and rate.numerator <= 10**6:
            factor = -(-90_000 // rate.numerator)
            self.time_base = Fraction(1, rate.numerator * factor)
        self.last = -1

    def ticks(self, time: Fraction) -> int:
        """Gives the tick of a moment, in seconds; later than the one before in any case."""
        if self._rate is not None:
            number = round(time * self._rate)
            if abs(Fraction(number) / self._rate - time) <= MILLISECOND:
                time = Fraction(number) / self._rate
        self.last = max(self.last + 1, round(time / self.time_base))
        return self.last


def clock_for(path: Path, info: VideoInfo) -> Clock:
    """Makes the clock that suits a target and its source."""
    return Clock(info, counted=path.suffix.lower() in COUNTED)


def _usable_encoders(path: Path, encoding: Encoding) -> tuple[str, ...]:
    suffix, wanted = path.suffix.lower(), encoding.encoder
    known = ALPHA_ENCODERS if encoding.alpha else ENCODERS
    if suffix not in known:
        reason = (
            "only these keep transparency" if encoding.alpha else "the ending decides the format"
        )
        raise InputError(f"{str(path)!r} must end in one of {', '.join(known)}: {reason}")
    if wanted is not None:
        if wanted not in av.codecs_available:
            raise InputError(f"this installation of PyAV has no encoder {wanted!r}")
        if encoding.alpha and wanted not in ALPHA_FORMATS:
            raise InputError(
                f"the encoder {wanted!r} keeps no transparency: use {' or '.join(ALPHA_FORMATS)}"
            )
        return (wanted,)
    usable = tuple(name for name in known[suffix] if name in av.codecs_available)
    if not usable:
        raise MediaError(f"this installation of PyAV has no encoder for {suffix} files")
    return usable


def _even_frame(image: Image, pixels: str) -> VideoFrame:
    height, width = image.shape[:2]
    if 1 in (height, width):
        image = image.repeat(1 + (height == 1), axis=0).repeat(1 + (width == 1), axis=1)
        height, width = image.shape[:2]
    even = image[: height - height % 2, : width - width % 2]
    own = "rgba" if image.shape[2] == 4 else "rgb24"
    return VideoFrame.from_ndarray(even, format=own).reformat(
        format=pixels, dst_colorspace=default_colorspace(height), dst_color_range=1
    )
