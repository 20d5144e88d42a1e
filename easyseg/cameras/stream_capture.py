"""Streams over the network, read with FFmpeg: RTSP, HTTP (MJPEG, HLS), UDP and their like."""

import time
from collections.abc import Iterator
from threading import Event

import av
import av.error
from av.video.frame import VideoFrame

from easyseg.cameras.captures import Pace, Shot, name_of
from easyseg.errors import MediaError
from easyseg.videos.frame_pixels import orientation_of, upright
from easyseg.videos.source import video_stream

_OPTIONS = {
    "fflags": "nobuffer",
    "flags": "low_delay",
    "rtsp_flags": "prefer_tcp",  # UDP loses packets, and firewalls eat it
    "analyzeduration": "1000000",
    "fpsprobesize": "0",
}
_OPENING = 2
"""How much longer than for a picture is waited for the beginning of a stream."""

_BURSTS = ("hls", "dash")
"""Formats that come in pieces of some seconds, faster than they play."""


class StreamCapture:
    """A stream behind an address.

    What has an end, such as a video file on a web server, plays at its own speed and ends; for
    everything else the end of the connection is a loss.

    Args:
        url: The address.
        stopped: Ends the waiting.
        stall: Seconds of silence after which the stream counts as lost.

    Raises:
        MediaError: If it cannot be opened or has no picture in it.
    """

    def __init__(self, url: str, stopped: Event, stall: float) -> None:
        self._name = name_of(url)
        try:
            self._container = av.open(
                url, timeout=(_OPENING * stall, stall), options=_OPTIONS, metadata_errors="ignore"
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(
                f"{self._name} cannot be opened: {_said(error)}. Is the address right, and does "
                "the server run?"
            ) from error
        try:
            self._stream = video_stream(self._container, self._name)
        except BaseException:
            self._container.close()
            raise
        # Decoding several frames at a time would hold each of them back.
        self._stream.thread_type = "SLICE"
        kind = self._container.format.name
        # "jpeg_pipe" and its like are single pictures.
        self.recorded = self._container.duration is not None
        self._ends = self.recorded or kind.endswith("_pipe")
        paced = self.recorded or any(one in kind for one in _BURSTS)
        self._pace = Pace(stopped) if paced else None
        self._pictures = self._decoded()

    def read(self) -> Shot | None:
        """Waits for the next picture; see `easyseg.cameras.captures.Capture`."""
        try:
            picture = next(self._pictures, None)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{self._name} was lost: {_said(error)}") from error
        if picture is None:
            if self._ends:
                return None
            raise MediaError(f"{self._name} was lost: the server has closed the connection")
        moment = time.monotonic()
        if self._pace is not None and picture.time is not None:
            moment = self._pace.wait(picture.time)
        return Shot(moment, lambda: upright(picture, orientation_of(picture)))

    def close(self) -> None:
        """Ends the connection."""
        self._container.close()

    def _decoded(self) -> Iterator[VideoFrame]:
        for packet in self._container.demux(self._stream):
            try:
                yield from self._stream.decode(packet)
            except av.error.InvalidDataError:
                continue  # a damaged packet; the next one may be whole


def _said(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):  # PyAV's word for a timeout
        return "it is silent"
    return getattr(error, "strerror", None) or str(error)
