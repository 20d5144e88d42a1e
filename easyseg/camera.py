"""The one-line face of live cameras."""

from dataclasses import replace

from typing_extensions import Unpack

from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.engine import cached_segmenter
from easyseg.errors import InputError
from easyseg.options import (
    CameraOptions,
    CaptureOptions,
    DrawingOptions,
    NetworkOptions,
    documented,
    pick,
)
from easyseg.pipeline import Live, LiveSummary, View, run_live

__all__ = ["segment_camera"]


@documented(smoothing="light")
def segment_camera(source: CameraLike = 0, **options: Unpack[CameraOptions]) -> LiveSummary:
    """Draws the classes over a live picture: in a window, on a page, into a file.

    The newest frame is always the one that is segmented; those in between are dropped. It ends with
    the stream, after `timeout` or `max_frames`, by the key q, by closing the window, or by Ctrl-C,
    which is passed on when all is closed; recordings are playable in every case.

    Keys, in the window and on the page: q or Esc quits, space pauses, o goes from overlay to
    colours to photo, l is the legend, + and - the share of colour, [ and ] choose a class to be
    alone, s writes a snapshot and r a recording into the current folder.

    Args:
        source: A camera's index (0 is the first), a device's path, the address of a stream
            (`rtsp://`, `http://`, `udp://`), a video file (played at its own speed), an opened
            cv2.VideoCapture, or an object whose `read()` waits for the next picture.

    Returns:
        What was done: `frames`, `dropped`, `losses`, `rate`, `latency`, `size`, `recordings`,
        `last`, `picture`.

    Raises:
        InputError: If an option makes no sense.
        MediaError: If the source cannot be opened or gives no picture, or something cannot be
            shown or written.
        ModelError: If the model cannot be loaded.
    """
    adaptive, fixed = _sizes(options["size"])
    # What is wrong is said before anything is loaded or opened.
    view = View(options["draw"], **pick(DrawingOptions, options))
    live = Live.of(options if adaptive else {**options, "rate": None})
    with CameraSource(source, color=options["color"], **pick(CaptureOptions, options)) as camera:
        network = pick(NetworkOptions, {**options, "size": fixed})
        segmenter = cached_segmenter(options["model"], **network)
        classes = options["classes"]
        kept = None if classes is None else segmenter.label_set.select(classes)
        live = replace(live, segmenting=replace(live.segmenting, classes=kept))
        return run_live(camera, segmenter, view, live, options["sinks"])


def _sizes(size: int | str | None) -> tuple[bool, int | None]:
    """Tells whether the size follows the rate, and which one it is otherwise."""
    if size == "auto":
        return True, None
    if isinstance(size, str):
        raise InputError(f'size must be a whole number, "auto", or None for the own, not {size!r}')
    return False, size
