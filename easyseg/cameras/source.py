"""Live cameras and streams: always the newest picture, never a queue of old ones."""

import contextlib
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from easyseg._closing import Closing
from easyseg._types import plain
from easyseg.cameras.captures import (
    CameraLike,
    Capture,
    DeviceCapture,
    FileCapture,
    ObjectCapture,
    Readable,
    Shot,
    is_stream,
    name_of,
)
from easyseg.cameras.stream_capture import StreamCapture
from easyseg.errors import InputError, MediaError
from easyseg.options import RECONNECT
from easyseg.videos.source import Frame

logger = logging.getLogger(__name__)

STALL = 5.0
FIRST_DELAY, LONGEST_DELAY = 0.25, 4.0
"""Seconds between two tries to open a lost source again; doubled from the first to the longest."""

_PATIENCE = 0.1
_FAREWELL = 2.0
_MICRO = 10**6


class CameraSource(Closing):
    """A camera or a stream, as an iterable of its newest frames.

    A thread reads all the time and keeps the newest picture only, so that nothing lags behind
    however slowly the frames are used; `dropped` counts those that nobody took. A source that is
    lost is opened again, with growing pauses. Files play at their own speed.

    Args:
        source: An index (0 is the first camera), a device's path, the address of a stream
            (`rtsp://`, `http://`, `udp://` and so on), a video file, an opened cv2.VideoCapture, or
            any object whose `read()` waits for the next picture, see
            `easyseg.cameras.captures.Readable`.
        color: Order of the channels of an object's pictures: `"bgr"`, as OpenCV's, or `"rgb"`.
        timeout: Seconds after which the frames end, from when the first is asked for; None goes on.
        max_frames: At most so many frames are given; None goes on.
        reconnect: Seconds for which it is tried to get a lost source back; 0 gives up at once. An
            object that was opened elsewhere cannot be opened again.
        stall: Seconds without a picture after which a network stream counts as lost.

    Attributes:
        name: What the source is called in messages.

    Raises:
        InputError: If an argument makes no sense.
        MediaError: If the source cannot be opened.
    """

    def __init__(
        self,
        source: CameraLike,
        *,
        color: str = "bgr",
        timeout: float | None = None,
        max_frames: int | None = None,
        reconnect: float = RECONNECT,
        stall: float = STALL,
    ) -> None:
        _check(color, timeout, max_frames, reconnect, stall)
        self.name = name_of(source)
        self._max_frames, self._given = max_frames, 0
        self._reader = _Reader(
            lambda stopped: _open_capture(source, stopped, color=color, stall=stall),
            self.name,
            reconnect,
        )
        # Also when it is forgotten, and before Python exits: the thread would be killed otherwise,
        # in the middle of native code.
        weakref.finalize(self, self._reader.stop)
        try:
            self._reader.wait_until_open()
        except BaseException:
            self.close()
            raise
        self._timeout = math.inf if timeout is None else timeout
        self._until = math.inf
        self._first: tuple[float, int] | None = None

    @property
    def began(self) -> float:
        """Moment of the first frame, in seconds of `time.monotonic()`; 0 before it."""
        return 0.0 if self._first is None else self._first[0]

    @property
    def dropped(self) -> int:
        """How many pictures there were after the first frame that nobody took."""
        return self._reader.dropped

    @property
    def losses(self) -> int:
        """How often the source was lost so far."""
        return self._reader.losses

    @property
    def silence(self) -> float:
        """Seconds since the last picture came, whoever took it."""
        return time.monotonic() - self._reader.last

    @property
    def over(self) -> bool:
        """Whether there will be no more frames."""
        full = self._max_frames is not None and self._given >= self._max_frames
        return full or time.monotonic() >= self._until or self._reader.empty

    def newest(self, seconds: float = _PATIENCE) -> Frame | None:
        """Waits for a frame that was not given before.

        Args:
            seconds: How long to wait at most.

        Returns:
            The newest frame, its `time` counted from the first, or None when none came.

        Raises:
            EasysegError: Whatever ended the source, once.
            Exception: What the `read()` of an object has raised.
        """
        if self.over:
            self._reader.complain()
            return None
        self._until = min(self._until, time.monotonic() + self._timeout)
        taken = self._reader.take(min(seconds, max(0.0, self._until - time.monotonic())))
        if taken is None:
            return None
        self._given += 1
        shot, index = taken
        # A camera that was opened early, while a model is loaded, begins with its first use.
        self._first = self._first or (shot.moment, index)
        passed = Fraction(round((shot.moment - self._first[0]) * _MICRO), _MICRO)
        return Frame(shot.image(), index - self._first[1], passed)

    def age(self, frame: Frame) -> float:
        """Tells how long ago a frame of this camera was captured, in seconds."""
        return time.monotonic() - self.began - float(frame.time)

    def __iter__(self) -> Generator[Frame, None, None]:
        """Gives the newest frame each time, waiting for it, until it is over."""
        while not self.over:
            frame = self.newest()
            if frame is not None:
                yield frame
        self._reader.complain()

    def close(self) -> None:
        """Ends the frames and gives the camera back; further calls do nothing."""
        self._until = -math.inf
        self._reader.stop()


def _open_capture(
    source: CameraLike, stopped: threading.Event, *, color: str, stall: float
) -> Capture:
    """Opens a source.

    Args:
        source: What to open.
        stopped: Ends all waiting when it is set.
        color: Order of the channels of an object's pictures, `"bgr"` or `"rgb"`.
        stall: Seconds without a picture after which a network stream counts as lost.

    Returns:
        The capture; the caller closes it.

    Raises:
        InputError: If the source is of no known kind.
        MediaError: If it cannot be opened.
    """
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source).strip()
        if is_stream(text):
            return StreamCapture(text, stopped, stall)
        if text.isdecimal():
            return DeviceCapture(int(text))
        path = Path(text).expanduser()
        if path.is_char_device():
            return DeviceCapture(str(path))
        return FileCapture(path, stopped)
    source = plain(source)
    if isinstance(source, int) and not isinstance(source, bool) and source >= 0:
        return DeviceCapture(source)
    if isinstance(source, Readable):
        return ObjectCapture(source, stopped, cast(Literal["rgb", "bgr"], color))
    raise InputError(
        "a camera is an index such as 0, a device, the address of a stream (rtsp://, http://, "
        f"udp://), a video file, or an object with read(); got {source!r}"
    )


class _Reader:
    """The thread that reads, and the one place for the newest picture."""

    def __init__(
        self, open_it: Callable[[threading.Event], Capture], name: str, reconnect: float
    ) -> None:
        self._open_it, self._name, self._reconnect = open_it, name, reconnect
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._changed = threading.Condition()
        self._newest: tuple[Shot, int] | None = None
        self._open = self._over = False
        self._error: BaseException | None = None
        self._count = 0
        self._used = False
        self.last = time.monotonic()
        self.dropped = 0
        self.losses = 0
        # A daemon, for a driver may never come back from its read(); see `stop`.
        self._thread = threading.Thread(target=self._run, name="easyseg-camera", daemon=True)
        self._thread.start()

    @property
    def empty(self) -> bool:
        return self._over and self._newest is None

    def wait_until_open(self) -> None:
        with self._changed:
            # Without a timeout Ctrl-C would not get through on Windows.
            while not self._open and not self._over:
                self._changed.wait(_PATIENCE)
        if not self._open:
            self.complain()

    def complain(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def take(self, seconds: float) -> tuple[Shot, int] | None:
        self._wanted.set()
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._over, seconds)
            taken, self._newest = self._newest, None
            self._used = self._used or taken is not None
            return taken

    def stop(self) -> None:
        self._stopped.set()
        self._wanted.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_FAREWELL)
            if self._thread.is_alive():
                logger.warning("%s does not answer, it is left alone", self._name)

    def _run(self) -> None:
        try:
            self._read_until_over()
        except BaseException as error:  # noqa: BLE001 - it is raised where the frames are used
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _read_until_over(self) -> None:
        with contextlib.closing(self._open_it(self._stopped)) as capture:
            with self._changed:
                self._open = True
                self._changed.notify_all()
            lost = self._read(capture)
        delay, last = FIRST_DELAY, time.monotonic()
        while lost is not None and not self._stopped.is_set():
            if time.monotonic() + delay > last + self._reconnect:
                logger.warning("%s; it did not come back, so this is its end", lost)
                return
            logger.info("%s; trying again in %.2f s", lost, delay)
            self._stopped.wait(delay)
            before = self._count
            lost = self._again(lost)
            delay = min(2 * delay, LONGEST_DELAY)
            if self._count > before:
                delay, last = FIRST_DELAY, time.monotonic()

    def _again(self, lost: MediaError) -> MediaError | None:
        """Opens a lost source once more and reads it; gives how it was lost this time."""
        if self._stopped.is_set():
            return lost
        try:
            capture = self._open_it(self._stopped)
        except MediaError as error:
            return error
        with contextlib.closing(capture):
            return self._read(capture)

    def _read(self, capture: Capture) -> MediaError | None:
        """Reads until the end, or the loss, which is returned."""
        if capture.recorded:
            self._wanted.wait()
        try:
            while not self._stopped.is_set():
                shot = capture.read()
                if shot is None:
                    return None
                self._keep(shot)
        except MediaError as error:
            self.losses += 1
            return error
        return None

    def _keep(self, shot: Shot) -> None:
        with self._changed:
            self.dropped += self._used and self._newest is not None
            self._newest, self.last = (shot, self._count), time.monotonic()
            self._count += 1
            self._changed.notify_all()


def _check(
    color: str, timeout: float | None, max_frames: int | None, reconnect: float, stall: float
) -> None:
    if color not in ("bgr", "rgb"):
        raise InputError(f'color must be "bgr" or "rgb", not {color!r}')
    times = (("timeout", timeout, 0.0), ("reconnect", reconnect, -1.0), ("stall", stall, 0.0))
    for name, value, above in times:
        value = plain(value)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and above < value < math.inf and value >= 0):
            raise InputError(f"{name} must be a time in seconds, not {value!r}")
    max_frames = plain(max_frames)
    whole = isinstance(max_frames, int) and not isinstance(max_frames, bool)
    if max_frames is not None and not (whole and max_frames >= 1):
        raise InputError(f"max_frames must be 1 or more, or None for all, not {max_frames!r}")
