"""Records a live picture with the times at which its frames were captured."""

import os
import time
from fractions import Fraction
from pathlib import Path

from easyseg._types import Image, PathLike
from easyseg.errors import InputError
from easyseg.pictures.image import resize
from easyseg.videos.encoder import Encoding
from easyseg.videos.frame_sinks import is_folder_of_frames, open_sink
from easyseg.videos.sinks import FrameSink, finish_after
from easyseg.videos.source import VideoInfo

LIVE = VideoInfo(
    width=0, height=0, rate=None, time_base=Fraction(1, 90_000), frames=None, duration=None,
    codec="", audio=(), subtitles=(),
)  # fmt: skip
"""What is known of a live source: nothing but that its frames have times."""


class Recorder:
    """Writes what it is given while it is switched on; plays back at the speed of life.

    Args:
        path: The first recording, which is on from the start; None waits for `toggle`.
        encoding: How the picture is coded.

    Attributes:
        paths: The recordings that are complete.

    Raises:
        InputError: If the path means no kind of video with times of its own.
        MediaError: If it cannot be written.
    """

    def __init__(self, path: PathLike | None = None, encoding: Encoding | None = None) -> None:
        self._encoding = encoding
        self._first = None if path is None else Path(os.fspath(path)).expanduser()
        self.paths: list[Path] = []
        self._sink: FrameSink | None = None
        self._size = (0, 0)
        self._begin: Fraction | None = None
        self._end = Fraction(0)
        if path is not None:
            _check(path)
            self._sink = open_sink(path, LIVE, encoding=encoding)

    @property
    def on(self) -> bool:
        """Whether it records."""
        return self._sink is not None

    @property
    def seconds(self) -> float:
        """How long the recording is so far."""
        return 0.0 if self._begin is None else float(self._end - self._begin)

    def write(self, image: Image, time: Fraction) -> None:
        """Takes a picture, RGB uint8 (H, W, 3), captured at `time`, in seconds.

        A camera that comes back with another size is recorded at the first one.

        Raises:
            MediaError: If it cannot be written.
        """
        if self._sink is None:
            return
        if self._begin is None:
            self._begin, self._size = time, (image.shape[0], image.shape[1])
        if image.shape[:2] != self._size:
            image = resize(image, self._size, "area")
        self._end = time
        self._sink.write(image, time)

    def toggle(self) -> str:
        """Begins a recording, in a new file, or ends the one that runs; says which.

        Raises:
            MediaError: If a file cannot be written.
        """
        if self._sink is not None:
            self.close()
            return f"recorded {self.paths[-1].name}" if self.paths else "nothing recorded"
        path = self._next_path()
        self._sink = open_sink(path, LIVE, encoding=self._encoding)
        return f"recording {path.name}"

    def close(self, error: BaseException | None = None) -> None:
        """Completes the recording that runs; further calls do nothing.

        Args:
            error: What has ended it, if it was an error; another one never hides it.

        Raises:
            MediaError: If the file cannot be completed.
        """
        sink, self._sink, self._begin = self._sink, None, None
        if sink is None:
            return
        if not sink.frames:
            sink.discard()
            return
        finish_after(sink, error)
        self.paths.append(sink.path)

    def _next_path(self) -> Path:
        if self._first is None or is_folder_of_frames(self._first):
            return new_path(".mp4")
        return new_path(self._first.suffix, self._first.with_suffix(""))


def new_path(extension: str, stem: Path | None = None) -> Path:
    """Gives a name that is not taken, with the time of day in it.

    Args:
        extension: With the dot.
        stem: How it begins; None is `easyseg` in the current folder.
    """
    named = f"{stem or 'easyseg'}_{time.strftime('%Y%m%d_%H%M%S')}"
    path, number = Path(f"{named}{extension}"), 1
    while path.exists():
        number += 1
        path = Path(f"{named}_{number}{extension}")
    return path


def _check(path: PathLike) -> None:
    if Path(os.fspath(path)).suffix.lower() == ".avi":
        raise InputError(
            f"{os.fspath(path)!r}: frames of an AVI have no times of their own, and those of a "
            "camera come as they like; record to .mp4 or .mkv"
        )
