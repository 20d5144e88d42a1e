"""Writes video files with PyAV: exact times, sound and subtitles copied, nothing half-written."""

import contextlib
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from easyseg._types import Image, PathLike
from easyseg.errors import MediaError
from easyseg.files import PendingFile, check_target, uninterrupted
from easyseg.videos._tracks import TrackCopier
from easyseg.videos.encoder import ENCODERS, Encoding, VideoEncoder
from easyseg.videos.sinks import as_media_errors, check_size, finish_after
from easyseg.videos.source import VideoInfo

__all__ = ["ENCODERS", "Encoding", "VideoSink"]


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
        self._coder = VideoEncoder(self.path, info, encoding or Encoding())
        check_target(self.path)
        self._info = info
        self._begin: Fraction | None = None
        self._end = None if end is None else Fraction(end)
        self._last = Fraction(0)
        self._file = PendingFile(self.path, suffix=self.path.suffix)
        self._copy_from = None if copy_from is None else Path(os.fspath(copy_from)).expanduser()
        self._output: OutputContainer | None = None
        self._copier: TrackCopier | None = None
        self._size = (0, 0)
        self.encoder: str | None = None
        self.frames = 0

    def write(self, image: Image, time: Fraction) -> None:
        """Adds a frame.

        Args:
            image: RGB uint8 (H, W, 3), of the same size every time; RGBA (H, W, 4) where the
                encoding keeps transparency.
            time: When it is shown, in seconds of the source; later than the frame before.

        Raises:
            InputError: If the size changes, or there is alpha where there was to be none.
            MediaError: If it cannot be written.
        """
        if self._output is None:
            if self.frames:
                raise MediaError(f"{str(self.path)!r} is complete, it takes no more frames")
            self._begin = time
            self._size = (image.shape[0], image.shape[1])
            self._open(time)
        check_size(image, self._size)
        with uninterrupted(), as_media_errors(self.path):
            self._last = time - (self._begin or 0)
            self._mux(self._coder.encode(image, self._last))
            if self._copier is not None:
                self._copier.copy_until(self._last)
            self.frames += 1

    def take(
        self,
        packets: "Iterable[Packet[VideoStream]]",
        size: tuple[int, int],
        times: tuple[Fraction, Fraction],
        extradata: bytes,
    ) -> None:
        """Takes the whole picture as packets that were coded before, in the place of frames.

        Args:
            packets: As the encoder of these settings gave them, in their order.
            size: Height and width of the frames.
            times: When the first and the last frame are shown, in seconds of the source.
            extradata: The encoder's, from then.

        Raises:
            MediaError: If the encoder is another now, or the file cannot be written.
        """
        self._begin, self._size = times[0], size
        self._open(times[0])
        if self._coder.extradata != extradata or self._coder.stream is None:
            raise MediaError(f"{self.encoder} has changed: what it made before does not fit")
        self._last = times[1] - times[0]
        with as_media_errors(self.path):
            for packet in packets:
                packet.stream = self._coder.stream
                self._mux([packet])
                if self._copier is not None:
                    self._copier.copy_until((packet.dts or 0) * Fraction(packet.time_base or 1))
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
        with uninterrupted():
            try:
                with as_media_errors(self.path):
                    self._mux(self._coder.flush())
                    if self._copier is not None:
                        step = 1 / (self._info.rate or Fraction(25))
                        self._copier.copy_until(self._last + step if cut else None)
                        self._copier.finish()
                    self._release()
                    self._file.complete()
            finally:
                self.discard()

    def discard(self) -> None:
        """Throws away what is not complete; what had the target's name before stays."""
        with uninterrupted():
            with contextlib.suppress(av.error.FFmpegError, OSError):
                self._release()
            self._output = None
            self._file.discard()

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
            self._output = self._coder.open(self._file.create(), self._size)
            self.encoder = self._coder.name
            if self._copy_from is not None:
                self._copier = TrackCopier(self._copy_from, self._output, start, self._end)

    def _mux(self, packets: "Iterable[Packet[VideoStream]]") -> None:
        for packet in packets:
            if self._output is not None:
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
