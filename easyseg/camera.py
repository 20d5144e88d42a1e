"""The one-line face of live cameras."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from easyseg._types import ClassSelection, Image, PathLike
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import RECONNECT, CameraSource
from easyseg.engine import cached_segmenter
from easyseg.errors import InputError
from easyseg.pipeline import Live, LiveSummary, Segmenting, View, run_live
from easyseg.pipeline.live import RATE
from easyseg.result import Segmentation
from easyseg.videos.encoder import Encoding
from easyseg.videos.sinks import LiveSink

if TYPE_CHECKING:
    import torch

__all__ = ["segment_camera"]


def segment_camera(
    source: CameraLike = 0,
    *,
    dataset: str | None = None,
    model: PathLike = "fast",
    classes: ClassSelection | None = None,
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | str | None = "auto",
    rate: float = RATE,
    output_stride: int | None = None,
    every_n: int = 1,
    smoothing: str = "light",
    alpha: float = 0.6,
    legend: bool = True,
    outline: bool = True,
    draw: Callable[[Segmentation], Image] | None = None,
    display: str = "auto",
    title: str = "easyseg",
    announce: Callable[[str], None] | None = None,
    record: PathLike | None = None,
    encoder: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    statistics: PathLike | None = None,
    on_frame: Callable[[int, float, Segmentation], None] | None = None,
    sinks: Sequence[LiveSink] = (),
    timeout: float | None = None,
    max_frames: int | None = None,
    reconnect: float = RECONNECT,
    color: str = "bgr",
) -> LiveSummary:
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
        dataset: As for `easyseg.segment`, like all up to `backend`.
        model: See there.
        classes: See there.
        device: See there.
        precision: See there.
        backend: See there.
        size: Side, in pixels, that the model works at; None is the model's own, and `"auto"` the
            largest from 256 to the model's own at which `rate` holds.
        rate: Frames a second that `size="auto"` is to reach.
        output_stride: As for `easyseg.segment`.
        every_n: Every how many-th frame is shown to the network; the labels are kept between.
        smoothing: `"off"`, `"light"` or `"strong"`: calms the labels over time.
        alpha: Share of the colour in the overlay, 0 to 1.
        legend: Whether the classes are listed.
        outline: Whether there is a thin line around each area.
        draw: Makes the picture of a Segmentation, RGB uint8 (H, W, 3), instead of the overlay;
            called in a thread.
        display: `"window"`, `"browser"` (a page on 127.0.0.1), `"none"`, or `"auto"`: the cell in
            a notebook, else a window, else, where there is no screen, a page.
        title: Of the window or page.
        announce: Is told the address of the page; None logs it as a warning.
        record: A `.mp4`, `.mov`, `.mkv`, `.webm` or `.gif` to record to from the start; it plays
            at the speed of life, however many frames there were.
        encoder: FFmpeg's name of a video encoder; None takes the best there is.
        crf: Constant rate factor: smaller is better and larger a file; None is 20 (H.264).
        preset: H.264's speed preset; None is `"veryfast"`.
        statistics: A `.csv` (frame, time, class, ratio) or `.jsonl` file to write, too.
        on_frame: Called with (number, time in seconds, Segmentation) for each frame.
        sinks: What else gets every picture, see `easyseg.videos.sinks.LiveSink`; closed at the end.
        timeout: Seconds after which it ends; None goes on.
        max_frames: At most so many frames are segmented; None goes on.
        reconnect: Seconds for which it is tried to get a lost source back.
        color: Order of the channels of an object's pictures, `"bgr"` or `"rgb"`.

    Returns:
        What was done: `frames`, `dropped`, `losses`, `rate`, `latency`, `size`, `recordings`,
        `last`, `picture`.

    Raises:
        InputError: If an option makes no sense.
        MediaError: If the source cannot be opened or gives no picture, or something cannot be
            shown or written.
        ModelError: If the model cannot be loaded.
    """
    adaptive, fixed = _sizes(size)
    # What is wrong is said before anything is loaded or opened.
    encoding = Encoding(encoder=encoder, crf=crf, preset=preset)
    view = View(draw, alpha=alpha, legend=legend, outline=outline)
    live = Live(
        segmenting=Segmenting(every_n, smoothing),
        rate=rate if adaptive else None,
        display=display,
        title=title,
        record=record,
        encoding=encoding,
        statistics=statistics,
        on_frame=on_frame,
        announce=announce,
    )
    with CameraSource(
        source, color=color, timeout=timeout, max_frames=max_frames, reconnect=reconnect
    ) as camera:
        segmenter = cached_segmenter(
            model, dataset=dataset, device=device, precision=precision, backend=backend,
            size=fixed, output_stride=output_stride,
        )  # fmt: skip
        kept = None if classes is None else segmenter.label_set.select(classes)
        live = replace(live, segmenting=replace(live.segmenting, classes=kept))
        return run_live(camera, segmenter, view, live, sinks)


def _sizes(size: int | str | None) -> tuple[bool, int | None]:
    """Tells whether the size follows the rate, and which one it is otherwise."""
    if size == "auto":
        return True, None
    if isinstance(size, str):
        raise InputError(f'size must be a whole number, "auto", or None for the own, not {size!r}')
    return False, size
