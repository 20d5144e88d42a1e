"""Sinks without sound: animated GIFs and folders of pictures; and the choice among all sinks."""

import contextlib
import os
import re
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from easyseg._types import Image, PathLike
from easyseg.errors import InputError, MediaError
from easyseg.files import PendingFile, check_target, make_folder, uninterrupted
from easyseg.pictures.image import encode, write
from easyseg.videos.encoder import ALPHA_ENCODERS
from easyseg.videos.sinks import FrameSink, as_media_errors, check_size, finish_after
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import ENCODERS, Encoding, VideoSink

CENTISECOND = Fraction(1, 100)
FIRST_NAME = "%06d.png"
_ALPHA_PICTURES = (".png", ".webp", ".tif", ".tiff")
_NUMBER = re.compile(r"%0?\d*d")

SINK_EXTENSIONS = frozenset({*ENCODERS, ".gif"})
"""Extensions of files that frames can be written to, lower case, with the dot."""


def open_sink(
    path: PathLike,
    info: VideoInfo,
    *,
    copy_from: PathLike | None = None,
    end: float | None = None,
    encoding: Encoding | None = None,
) -> FrameSink:
    """Chooses the sink that a path means.

    Args:
        path: A video file, a `.gif`, a folder (it ends with a slash or is there), or a pattern for
            pictures such as `frames/%06d.png`.
        info: As for `VideoSink`, like all that follow; used for video files only.
        copy_from: See there.
        end: See there.
        encoding: See there.

    Returns:
        The sink, empty; the caller closes it.

    Raises:
        InputError: If the path means none of these.
        MediaError: If the target cannot be created.
    """
    text = os.fspath(path)
    if encoding is not None and encoding.alpha:
        check_transparent(text)
    if is_folder_of_frames(text):
        return FolderSink(text)
    if Path(text).suffix.lower() == ".gif":
        return GifSink(text)
    return VideoSink(text, info, copy_from=copy_from, end=end, encoding=encoding)


def is_folder_of_frames(path: PathLike) -> bool:
    """Tells whether a path means a picture for each frame rather than one file."""
    text = os.fspath(path)
    return text.endswith(("/", os.sep)) or bool(_NUMBER.search(text)) or Path(text).is_dir()


def check_transparent(path: PathLike) -> None:
    """Tells early that a target would lose transparency.

    Raises:
        InputError: If it is neither a video that keeps it, nor pictures that do.
    """
    text = os.fspath(path)
    if _NUMBER.search(text):
        keeps = Path(text).suffix.lower() in _ALPHA_PICTURES
    else:
        keeps = is_folder_of_frames(text) or Path(text).suffix.lower() in ALPHA_ENCODERS
    if not keeps:
        raise InputError(
            f"{text!r} would lose the transparency: use {' or '.join(ALPHA_ENCODERS)}, a folder "
            "(with a slash at the end) for PNGs, or a pattern such as frames/%06d.png"
        )


class _Sink:
    """The ways a sink is left."""

    def __enter__(self: FrameSink) -> FrameSink:
        return self

    def __exit__(
        self: FrameSink,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        finish_after(self, error)


class GifSink(_Sink):
    """An animated GIF, played for ever, with a palette of its own for each frame.

    Times are rounded to hundredths of a second, which is all that the format has. Memory does not
    grow with the length.

    Args:
        path: The target.

    Attributes:
        path: The target.
        encoder: Name of the encoder.
        frames: How many frames were written so far.

    Raises:
        MediaError: If the target cannot be created.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(os.fspath(path)).expanduser()
        check_target(self.path)
        self._file = PendingFile(self.path, suffix=".gif")
        self.encoder: str | None = "gif"
        self.frames = 0
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._graph = Graph()
        self._begin, self._last, self._step = Fraction(0), -1, 10
        self._size = (0, 0)

    def write(self, image: Image, time: Fraction) -> None:
        """Adds a frame.

        Args:
            image: RGB uint8 (H, W, 3), of the same size every time.
            time: When it is shown, in seconds of the source.

        Raises:
            InputError: If the size changes.
            MediaError: If it cannot be written.
        """
        if self._output is None:
            if self.frames:
                raise MediaError(f"{str(self.path)!r} is complete, it takes no more frames")
            self._begin, self._size = time, (image.shape[0], image.shape[1])
            self._open()
        check_size(image, self._size)
        frame = VideoFrame.from_ndarray(image, format="rgb24")
        ticks = max(self._last + 1, round((time - self._begin) / CENTISECOND))
        with uninterrupted(), as_media_errors(self.path):
            if self.frames:
                self._step = ticks - self._last
            self._last = ticks
            frame.pts, frame.time_base = self._last, CENTISECOND
            self._graph.push(frame)
            self._drain()
            self.frames += 1

    def close(self, *, cut: bool = False) -> None:
        """Completes the file and gives it its name; further calls do nothing.

        Args:
            cut: Makes no difference: there is no sound.

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
                    self._graph.push(None)
                    self._drain()
                    self._output.close()
                    self._output = None
                    self._file.complete()
            finally:
                self.discard()

    def discard(self) -> None:
        """Throws away what is not complete; what had the target's name before stays."""
        with uninterrupted():
            if self._output is not None:
                with contextlib.suppress(av.error.FFmpegError, OSError):
                    self._output.close()
            self._output = None
            self._file.discard()

    def _open(self) -> None:
        height, width = self._size
        with as_media_errors(self.path):
            self._output = av.open(str(self._file.create()), "w", options={"loop": "0"})
            stream = self._output.add_stream("gif", rate=100)
            stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
            stream.codec_context.time_base = CENTISECOND
            self._stream = stream
        graph = self._graph
        source = graph.add_buffer(
            width=width, height=height, format=VideoFormat("rgb24"), time_base=CENTISECOND
        )
        split, sink = graph.add("split"), graph.add("buffersink")
        make, use = graph.add("palettegen", "stats_mode=single"), graph.add("paletteuse", "new=1")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(make, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()

    def _drain(self) -> None:
        if self._output is None or self._stream is None:
            return
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if isinstance(frame, VideoFrame):
                for packet in self._stream.encode(frame):
                    packet.duration = self._step  # of use for the last one only
                    self._output.mux(packet)


class FolderSink(_Sink):
    """A picture for each frame, numbered from 0; pictures that are there are replaced.

    Args:
        path: A folder, for `000000.png`, `000001.png` and so on; or a pattern such as
            `frames/%04d.jpg`. The folder is made.

    Attributes:
        path: The folder.
        encoder: The extension of the pictures.
        frames: How many frames were written so far.

    Raises:
        InputError: If the pattern is none, or the extension is not known.
        MediaError: If the folder cannot be made, or no picture of that kind be written.
    """

    def __init__(self, path: PathLike) -> None:
        pattern = Path(os.fspath(path)).expanduser()
        if not _NUMBER.search(pattern.name):
            pattern = pattern / FIRST_NAME
        if len(_NUMBER.findall(pattern.name)) != 1 or "%" in _NUMBER.sub("", pattern.name):
            raise InputError(f"expected one number in the name, as in %06d.png, got {pattern.name}")
        self.path, self._name = pattern.parent, pattern.name
        self.encoder: str | None = pattern.suffix
        self.frames = 0
        _check_extension(pattern)
        make_folder(self.path)

    def write(self, image: Image, time: Fraction) -> None:
        """Adds a frame.

        Args:
            image: RGB uint8 (H, W, 3), RGBA (H, W, 4), or grey (H, W).
            time: Makes no difference.

        Raises:
            MediaError: If it cannot be written.
        """
        write(self.path / (self._name % self.frames), image)
        self.frames += 1

    def close(self, *, cut: bool = False) -> None:
        """Checks that there is something.

        Args:
            cut: Makes no difference.

        Raises:
            MediaError: If no frame was written.
        """
        if not self.frames:
            raise MediaError(f"nothing was written to {str(self.path)!r}: there was no frame")

    def discard(self) -> None:
        """Does nothing: each picture was complete when it was written."""


def _check_extension(pattern: Path) -> None:
    encode(np.zeros((1, 1, 3), np.uint8), pattern.suffix)
