"""Where live pictures come from: devices, network streams, files at their own speed, objects.

A capture belongs to one thread, which reads and closes it; `easyseg.cameras.source` owns it.
"""

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal, Protocol, TypeAlias, Union, runtime_checkable

import cv2
import numpy as np

from easyseg._types import AnyArray, Image, plain
from easyseg.errors import InputError, MediaError
from easyseg.pictures._pixels import to_rgb

URL_SCHEMES = (
    "rtsp://", "rtsps://", "rtmp://", "rtmps://", "http://", "https://", "udp://", "tcp://",
    "rtp://", "srt://", "mms://",
)  # fmt: skip
"""Beginnings of the addresses of streams."""

HICCUP = 1.0
"""Seconds for which an opened object may have no picture before it counts as ended."""

_RETRY = 0.02
_LATE, _EARLY = 1.0, 10.0


@runtime_checkable
class Readable(Protocol):
    """Anything with `read()`, such as a cv2.VideoCapture.

    `read()` waits for the next picture and gives it alone or, as OpenCV does, as (True, picture).
    None or (False, anything) means that there is none.
    """

    def read(self) -> Any:
        """Gives the next picture."""


CameraLike: TypeAlias = Union[int, str, "os.PathLike[str]", Readable]
"""An index, a device or file, the address of a stream, or an object with `read()`."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture as it was captured.

    Attributes:
        moment: When, in seconds of `time.monotonic()`.
        image: Gives it as RGB uint8 (H, W, 3). Most pictures are never looked at, so that the work
            is left to who wants one.
    """

    moment: float
    image: Callable[[], Image]


class Capture(Protocol):
    """An opened source of pictures.

    Attributes:
        recorded: Whether it has a beginning, which nobody should miss, rather than going on.
    """

    @property
    def recorded(self) -> bool:
        """Whether it has a beginning, which nobody should miss, rather than going on."""

    def read(self) -> Shot | None:
        """Waits for the next picture; None is the end.

        Raises:
            MediaError: If the connection was lost; opening it again may help.
        """

    def close(self) -> None:
        """Gives the source back."""


def is_stream(text: str) -> bool:
    """Tells whether a text is the address of a stream."""
    return text.lower().startswith(URL_SCHEMES)


def name_of(source: CameraLike) -> str:
    """Words a source for messages, and for the Segmentations made of it; passwords are left out."""
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source).strip()
        if is_stream(text):
            scheme, _, rest = text.partition("://")
            host, slash, path = rest.partition("/")
            return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
        return f"camera {text}" if text.isdecimal() else text
    source = plain(source)
    return f"camera {source}" if isinstance(source, int) else type(source).__name__


class Pace:
    """Turns the times of recorded pictures into moments to show them at, so that they play.

    Args:
        stopped: Ends the waiting.
    """

    def __init__(self, stopped: Event) -> None:
        self._stopped = stopped
        self._origin: float | None = None

    def wait(self, seconds: float) -> float:
        """Waits until a picture is due.

        Args:
            seconds: Its time in the recording.

        Returns:
            The moment, in seconds of `time.monotonic()`.
        """
        now = time.monotonic()
        due = now if self._origin is None else self._origin + seconds
        # After a pause of the sender, or a jump of its clock, the play goes on from here.
        if self._origin is None or not now - _LATE <= due <= now + _EARLY:
            self._origin, due = now - seconds, now
        self._stopped.wait(max(0.0, due - now))
        return due


class DeviceCapture:
    """A camera of this computer, opened by OpenCV.

    Args:
        device: Its index, or its path.

    Raises:
        MediaError: If there is none, or it gives no picture.
    """

    recorded = False

    def __init__(self, device: int | str) -> None:
        self._name = name_of(device)
        path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
        if sys.platform.startswith("linux") and not path.exists():
            raise MediaError(f"{self._name} is not there; {_cameras_found()}")
        with _opencv_silenced():
            self._capture = cv2.VideoCapture(device)
        if not self._capture.isOpened():
            self._capture.release()
            raise MediaError(
                f"{self._name} cannot be opened: is it plugged in, does another program use it, "
                "may this program use cameras?"
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a driver's queue is lag

    def read(self) -> Shot | None:
        """Waits for the next picture; see `Capture`."""
        with _opencv_silenced():
            given, frame = self._capture.read()
        if not given or frame is None:
            raise MediaError(f"{self._name} gives no picture any more")
        return Shot(time.monotonic(), lambda: to_rgb(frame, "bgr"))

    def close(self) -> None:
        """Gives the camera back to other programs."""
        self._capture.release()


class FileCapture:
    """A video file that plays at its own speed.

    Args:
        path: The file.
        stopped: Ends the waiting.

    Raises:
        MediaError: If it cannot be opened.
    """

    recorded = True

    def __init__(self, path: Path, stopped: Event) -> None:
        from easyseg.videos.source import VideoSource

        self._video = VideoSource(path)
        self._frames = iter(self._video)
        self._pace = Pace(stopped)

    def read(self) -> Shot | None:
        """Waits until the next picture is due; see `Capture`."""
        frame = next(self._frames, None)
        if frame is None:
            return None
        image = frame.image
        return Shot(self._pace.wait(float(frame.time)), lambda: image)

    def close(self) -> None:
        """Closes the file."""
        self._video.close()


class ObjectCapture:
    """An object with `read()`; it is not released here, for it was not opened here.

    A cv2.VideoCapture of a file plays at the file's own speed.

    Args:
        source: The object.
        stopped: Ends the waiting.
        color: Order of the channels of its pictures.
    """

    def __init__(self, source: Readable, stopped: Event, color: Literal["rgb", "bgr"]) -> None:
        self._source, self._stopped, self._color = source, stopped, color
        self._pace = None
        if isinstance(source, cv2.VideoCapture):
            if not source.isOpened():
                raise MediaError(
                    "the cv2.VideoCapture is not open: does its camera or file exist, and has "
                    "release() not been called?"
                )
            if source.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
                self._pace = Pace(stopped)
        self.recorded = self._pace is not None

    def read(self) -> Shot | None:
        """Waits for the next picture; see `Capture`."""
        began, frame = time.monotonic(), self._next()
        while frame is None:
            if self._pace is not None or time.monotonic() - began > HICCUP:
                return None
            if self._stopped.wait(_RETRY):
                return None
            frame = self._next()
        moment = time.monotonic()
        if self._pace is not None and isinstance(self._source, cv2.VideoCapture):
            moment = self._pace.wait(self._source.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        # At once: an object may use its memory again for the next picture.
        image = to_rgb(frame, self._color)
        return Shot(moment, lambda: image)

    def close(self) -> None:
        """Leaves the object to its owner."""

    def _next(self) -> AnyArray | None:
        given = self._source.read()
        if isinstance(given, tuple):
            if len(given) != 2:
                raise InputError(
                    f"read() must give a picture or (True, picture), not {len(given)} things"
                )
            given = given[1] if given[0] else None
        return None if given is None else np.asarray(given)


def _cameras_found() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f"there is {', '.join(found)}" if found else "this computer has no camera at all"


@contextlib.contextmanager
def _opencv_silenced() -> Iterator[None]:
    """Keeps OpenCV from writing to the standard error what an exception says better."""
    try:
        log = importlib.import_module("cv2.utils.logging")
    except ImportError:  # a build without it
        yield
        return
    before = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(before)
