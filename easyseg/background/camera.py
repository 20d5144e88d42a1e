"""Another background for a live camera."""

import time
from collections.abc import Sequence

from typing_extensions import Unpack

from easyseg.background.change import Change, find_segmenter
from easyseg.background.moving import Clock
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.cameras.virtual_camera import VirtualCamera
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.options import (
    RATE,
    BackgroundCameraOptions,
    CaptureOptions,
    RunningOptions,
    documented,
    pick,
)
from easyseg.pipeline import Live, LiveSummary, View, run_live
from easyseg.videos.sinks import LiveSink


@documented(smoothing="light")
def change_background_camera(
    source: CameraLike = 0, **options: Unpack[BackgroundCameraOptions]
) -> LiveSummary:
    """Changes the background of a live picture: in a window, in a file, as a virtual camera.

    Args:
        source: As for `easyseg.segment_camera`.

    Returns:
        What was done, as `easyseg.segment_camera` gives it.

    Raises:
        InputError: If an option or a class makes no sense, or not one effect is given.
        MediaError: If the source cannot be opened or gives no picture, or something cannot be
            shown or written.
        ModelError: If the model cannot be loaded.
    """
    change = Change.of(options)
    live = Live.of(options)
    sinks = list(options["sinks"])
    if options["virtual_camera"]:
        sinks.append(VirtualCamera(options["rate"] or RATE))
    with CameraSource(source, **pick(CaptureOptions, options)) as camera:
        network = pick(RunningOptions, {**options, "size": None})
        segmenter = find_segmenter(
            options["model"], options["dataset"], options["classes"], **network
        )
        return change_live(camera, segmenter, change, live, sinks)


def change_live(
    camera: CameraSource,
    segmenter: Segmenter,
    change: Change,
    live: Live,
    sinks: Sequence[LiveSink] = (),
) -> LiveSummary:
    """Changes the background of a live source until it ends.

    Args:
        camera: The source; closed at the end.
        segmenter: The network.
        change: What is done; not to make it transparent.
        live: The rest.
        sinks: What else gets every picture; closed at the end.

    Returns:
        What was done.

    Raises:
        InputError: If an argument makes no sense.
        MediaError: If no frame came at all, or something cannot be shown or written.
    """
    if change.transparent:
        raise InputError("a live picture cannot be transparent: take a colour, such as (0, 255, 0)")
    with change.drawing(segmenter.label_set, _wall_clock()) as draw:
        return run_live(camera, segmenter, View(draw), live, sinks)


def _wall_clock() -> Clock:
    """A clock that starts when it is first looked at."""
    began: list[float] = []

    def clock() -> float:
        now = time.monotonic()
        if not began:
            began.append(now)
        return now - began[0]

    return clock
