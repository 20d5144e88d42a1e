"""A camera in; a display, a recording and other sinks out; the newest frame wins."""

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from easyseg._types import Image, PathLike, make_plain_
from easyseg.cameras.source import CameraSource
from easyseg.displays.display import KEYS, Display, open_display, with_status
from easyseg.engine import Segmenter
from easyseg.errors import InputError, MediaError
from easyseg.options import RATE, EncodingOptions, FrameOptions, pick
from easyseg.pictures.image import write
from easyseg.pipeline.adaptive import AdaptiveSegmenter
from easyseg.pipeline.ahead import Worker
from easyseg.pipeline.meter import Meter, Status
from easyseg.pipeline.recorder import Recorder, new_path
from easyseg.pipeline.segmenting import FrameSegmenter, Segmenting, segment_newest
from easyseg.pipeline.statistics import Note, statistics
from easyseg.pipeline.view import View
from easyseg.result import Segmentation
from easyseg.videos.encoder import Encoding
from easyseg.videos.sinks import LiveSink
from easyseg.videos.source import Frame

logger = logging.getLogger(__name__)

FASTEST = 1000

_PATIENCE = 0.02
_SILENCE = 1.0

Drawn = tuple[Frame, Segmentation, Image]


@dataclass(frozen=True)
class Live:
    """How a live source is segmented and shown.

    Attributes:
        segmenting: How the frames are segmented.
        rate: Frames a second for which the network's size is lowered; None leaves it alone.
        display: `"auto"`, `"window"`, `"browser"` or `"none"`, see `easyseg.displays.display`.
        title: Of the window or page.
        record: Where to record from the start; None waits for the key.
        encoding: How recordings are coded.
        statistics: A `.csv` or `.jsonl` file for the classes of each frame, or None.
        on_frame: Called with (frame's number, time in seconds, Segmentation) for each frame, in
            the caller's thread; what it raises ends all.
        announce: Is told the address of the page; None logs it.

    Raises:
        InputError: If `rate` is no rate.
    """

    segmenting: Segmenting = field(default_factory=Segmenting)
    rate: float | None = RATE
    display: str = "auto"
    title: str = "easyseg"
    record: PathLike | None = None
    encoding: Encoding | None = None
    statistics: PathLike | None = None
    on_frame: Note | None = None
    announce: Callable[[str], None] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Live":
        """Makes one of the options of a function or a command; raises what the parts raise."""
        names = ("rate", "display", "title", "record", "statistics", "on_frame", "announce")
        return cls(
            segmenting=Segmenting(**pick(FrameOptions, options)),
            encoding=Encoding(**pick(EncodingOptions, options)),
            **{name: options[name] for name in names},
        )

    def __post_init__(self) -> None:
        make_plain_(self, "rate")
        number = isinstance(self.rate, (int, float)) and not isinstance(self.rate, bool)
        if self.rate is not None and not (number and 0 < self.rate <= FASTEST):
            raise InputError(
                f"rate must be a number of frames a second, above 0 and at most {FASTEST}, "
                f"not {self.rate!r}"
            )


@dataclass(frozen=True, eq=False)
class LiveSummary:
    """What became of a live source.

    Attributes:
        frames: How many frames were segmented and shown.
        dropped: How many others the camera gave meanwhile.
        losses: How often the source was lost, found again or not.
        seconds: From the first frame's capture to the last one's.
        latency: Seconds from a frame's capture until it was shown; their mean.
        size: Side, in pixels, that the network worked at in the end; None where it takes any.
        recordings: The files that were recorded.
        last: Segmentation of the last frame.
        picture: What was drawn of it, RGB uint8 (H, W, 3).
    """

    frames: int
    dropped: int
    losses: int
    seconds: float
    latency: float
    size: int | None
    recordings: tuple[Path, ...]
    last: Segmentation
    picture: Image

    @property
    def rate(self) -> float:
        """Frames shown in a second."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 else 0.0


def run_live(
    camera: CameraSource,
    segmenter: Segmenter,
    view: View | None = None,
    live: Live | None = None,
    sinks: Sequence[LiveSink] = (),
) -> LiveSummary:
    """Segments a live source until it ends, the user ends it, or something fails.

    One thread reads the camera, one segments and draws the newest frame, and the caller's thread,
    which must be the main one for a window, shows and records. However it ends, by Ctrl-C too, all
    is closed, and a recording is playable.

    Args:
        camera: The source; closed at the end.
        segmenter: The network.
        view: What is drawn; None is the overlay.
        live: The rest; None is the default.
        sinks: What else gets every picture; closed at the end.

    Returns:
        What was done.

    Raises:
        InputError: If an argument makes no sense.
        MediaError: If no frame came at all, or something cannot be shown or written.
    """
    live, view = live or Live(), view or View()
    with contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
        stack.enter_context(camera)
        note = stack.enter_context(statistics(live.statistics))
        recorder = Recorder(live.record, live.encoding)
        stack.push(lambda _kind, error, _trace: recorder.close(error))
        display = open_display(live.display, live.title, announce=live.announce)
        stack.callback(display.close)
        adaptive = AdaptiveSegmenter(segmenter, live.rate) if live.rate else None
        results = _drawn(camera, adaptive or segmenter, live.segmenting, view)
        worker = Worker(results, 1, "easyseg-live")
        stack.callback(worker.stop)
        stack.callback(camera.close)  # first of all, for the worker waits for it
        notes: list[Note] = [note, *([] if live.on_frame is None else [live.on_frame])]
        loop = _Loop(camera, worker, view, display, recorder, sinks, notes, adaptive)
        loop.run()
    if loop.last is None:
        raise MediaError(f"{camera.name} gave no picture")
    size = adaptive.size if adaptive else segmenter.size
    return loop.summary(loop.last, size)


def _drawn(
    camera: CameraSource, segmenter: FrameSegmenter, settings: Segmenting, view: View
) -> Generator[Drawn, None, None]:
    with contextlib.closing(segment_newest(camera, segmenter, settings)) as results:
        for frame, result in results:
            picture = view(result)
            if isinstance(segmenter, AdaptiveSegmenter):
                segmenter.done()
            yield frame, result, picture


class _Loop:
    """What the main thread does."""

    def __init__(
        self,
        camera: CameraSource,
        worker: Worker[Drawn],
        view: View,
        display: Display,
        recorder: Recorder,
        sinks: Sequence[LiveSink],
        notes: Sequence[Note],
        adaptive: AdaptiveSegmenter | None,
    ) -> None:
        self._camera, self._worker, self._view = camera, worker, view
        self._display, self._recorder = display, recorder
        self._sinks: tuple[LiveSink, ...] = (recorder, *sinks)
        self._notes, self._adaptive = notes, adaptive
        self.last: Drawn | None = None
        self._meter = Meter()
        self._status = Status()
        self._first = Fraction(0)
        self._paused_until = 0.0
        self._paused = False

    def run(self) -> None:
        while not self._worker.over and not self._display.closed:
            for key in self._display.pressed():
                if key == "q":
                    return
                self._press(key)
            if self._paused:
                if self._camera.over:
                    return
                self._refresh()
                time.sleep(_PATIENCE)
                continue
            item = self._worker.poll(_PATIENCE)
            if item is not None:
                self._take(item[0])
            elif self._meter.silence > _SILENCE:  # the user's keys have their effect even so
                self._refresh()
        if self._worker.error is not None:
            raise self._worker.error

    def summary(self, last: Drawn, size: int | None) -> LiveSummary:
        """Sums up; `last` is what was shown last."""
        meter, camera = self._meter, self._camera
        return LiveSummary(
            frames=meter.frames, dropped=camera.dropped, losses=camera.losses,
            seconds=float(last[0].time - self._first), latency=meter.mean_latency, size=size,
            recordings=tuple(self._recorder.paths), last=last[1], picture=last[2],
        )  # fmt: skip

    def _take(self, drawn: Drawn) -> None:
        frame, result, picture = drawn
        if self._camera.began + float(frame.time) < self._paused_until:
            return  # from before the pause, or out of it
        if self.last is None:
            self._first = frame.time
        self.last = drawn
        for sink in self._sinks:
            sink.write(picture, frame.time)
        self._show(picture)
        self._meter.note(self._camera.age(frame))
        for note in self._notes:
            note(frame.index, float(frame.time), result)

    def _press(self, key: str) -> None:
        if key == " ":
            self._paused = not self._paused
            self._paused_until = time.monotonic()
            self._meter.restart()
        elif key in "rs":
            try:
                said = self._recorder.toggle() if key == "r" else self._snapshot()
            except MediaError as error:  # a file that cannot be written is no reason to end
                logger.warning("%s", error)
                said = "that failed"
            self._status.news(said)
        elif key in KEYS:
            changed = self._view.press(key, None if self.last is None else self.last[1])
            if changed is not None:
                self._status.news(changed)
            if self._paused and self.last is not None:
                frame, result, _ = self.last
                self.last = frame, result, self._view(result)

    def _snapshot(self) -> str:
        if self.last is None:
            return "no picture yet"
        return f"saved {write(new_path('.png'), self.last[2]).name}"

    def _refresh(self) -> None:
        """Shows the last picture again, now and then, when there is no new one."""
        if self.last is not None and self._status.due():
            self._show(self.last[2])

    def _show(self, picture: Image) -> None:
        self._display.show(with_status(picture, self._status.facts(self._facts)))

    def _facts(self) -> list[str]:
        facts = [f"{self._meter.rate:.1f} fps", f"{1000 * self._meter.latency:.0f} ms"]
        if self._paused:
            facts = ["paused"]
        elif self._camera.silence > _SILENCE:
            facts = [f"no picture for {self._camera.silence:.0f} s"]
        elif self._adaptive is not None and self._adaptive.size is not None:
            facts.append(f"{self._adaptive.size} px")
        if self._recorder.on:
            minutes, seconds = divmod(int(self._recorder.seconds), 60)
            facts.append(f"REC {minutes}:{seconds:02}")
        return facts
