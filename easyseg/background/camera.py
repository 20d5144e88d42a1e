"""Another background for a live camera."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from easyseg._types import ClassSelection, Color, PathLike
from easyseg.background.change import Change, find_segmenter
from easyseg.background.moving import Clock
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.cameras.virtual_camera import VirtualCamera
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.pictures.image import ImageSource
from easyseg.pipeline import Live, LiveSummary, Segmenting, View, run_live
from easyseg.pipeline.live import RATE
from easyseg.render.effects import Fit, Strength
from easyseg.videos.sinks import LiveSink

if TYPE_CHECKING:
    import torch


def change_background_camera(
    source: CameraLike = 0,
    *,
    blur: Strength | None = None,
    color: Color | None = None,
    gray: bool = False,
    pixelate: Strength | None = None,
    image: ImageSource | None = None,
    video: PathLike | None = None,
    fit: Fit = "fill",
    classes: ClassSelection | None = None,
    invert: bool = False,
    hard: bool = False,
    dataset: str | None = None,
    model: PathLike = "fast",
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    rate: float | None = RATE,
    smoothing: str = "light",
    display: str = "auto",
    title: str = "easyseg",
    announce: Callable[[str], None] | None = None,
    record: PathLike | None = None,
    virtual_camera: bool = False,
    timeout: float | None = None,
    max_frames: int | None = None,
) -> LiveSummary:
    """Changes the background of a live picture: in a window, in a file, as a virtual camera.

    Args:
        source: As for `easyseg.segment_camera`.
        blur: As for `easyseg.change_background`, like all up to `backend`.
        color: See there.
        gray: See there.
        pixelate: See there.
        image: See there.
        video: A video to put behind; it plays at its own speed, over and over.
        fit: See there.
        classes: See there.
        invert: See there.
        hard: See there.
        dataset: See there.
        model: See there.
        device: See there.
        precision: See there.
        backend: See there.
        rate: Frames a second to reach, by working at a smaller size; None keeps the model's own.
        smoothing: As for `easyseg.segment_camera`, like all up to `record`.
        display: See there.
        title: See there.
        announce: See there.
        record: See there.
        virtual_camera: Whether other programs, such as those for calls, see the picture as a
            camera's, too; see `easyseg.cameras.virtual_camera.VirtualCamera` for what that needs.
        timeout: Seconds after which it ends; None goes on.
        max_frames: At most so many frames; None goes on.

    Returns:
        What was done, as `easyseg.segment_camera` gives it.

    Raises:
        InputError: If an option or a class makes no sense, or not one effect is given.
        MediaError: If the source cannot be opened or gives no picture, or something cannot be
            shown or written.
        ModelError: If the model cannot be loaded.
    """
    change = Change(
        blur=blur, color=color, gray=gray, pixelate=pixelate, image=image, video=video, fit=fit,
        classes=classes, invert=invert, hard=hard,
    )  # fmt: skip
    live = Live(
        segmenting=Segmenting(1, smoothing),
        rate=rate,
        display=display,
        title=title,
        record=record,
        announce=announce,
    )
    sinks = [VirtualCamera(rate or RATE)] if virtual_camera else []
    with CameraSource(source, timeout=timeout, max_frames=max_frames) as camera:
        segmenter = find_segmenter(
            model, dataset, classes, device=device, precision=precision, backend=backend
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
