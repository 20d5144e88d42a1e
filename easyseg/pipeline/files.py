"""A video file in, a video file out."""

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from easyseg._types import Image, PathLike
from easyseg.engine import Segmenter
from easyseg.errors import InputError, MediaError
from easyseg.media.frame_sinks import is_folder_of_frames, open_sink
from easyseg.media.sinks import FrameSink, finish_after
from easyseg.media.video import Frame, VideoSource
from easyseg.media.video_sink import Encoding
from easyseg.pipeline.ahead import ahead
from easyseg.pipeline.segmenting import AHEAD, Segmenting, segment_frames
from easyseg.pipeline.statistics import Note, check_statistics, statistics
from easyseg.result import Segmentation

FASTEST = 1000
SAME_RATE = 0.01
"""Rates that differ by a smaller share, such as 30 and 29.97, are meant to be the same."""

Draw = Callable[[Segmentation], Image]


@dataclass(frozen=True)
class Range:
    """Which frames of a video are taken; see `easyseg.media.video.VideoSource`.

    Attributes:
        start: First moment, in seconds.
        end: Moment to stop at, in seconds.
        stride: Every how many-th frame is taken.
        max_frames: At most so many frames are taken.
    """

    start: float | None = None
    end: float | None = None
    stride: int = 1
    max_frames: int | None = None

    def open(self, path: PathLike) -> VideoSource:
        """Opens that range of a video; raises what VideoSource raises."""
        return VideoSource(
            path, start=self.start, end=self.end, stride=self.stride, max_frames=self.max_frames
        )


@dataclass(frozen=True)
class Job:
    """What is made of a video besides the picture.

    Attributes:
        segmenting: How the frames are segmented.
        range: Which frames.
        encoding: How the picture is coded; None is the default.
        sound: Whether sound and subtitles are kept.
        frames_per_second: Rate at which the target plays, as many frames as there are; None is the
            source's. Another speed than the source's goes without sound.
        statistics: A `.csv` or `.jsonl` file for the classes of each frame, or None.
        on_frame: Called with (frame's number, time in seconds, Segmentation) for each frame, in
            their order, in the caller's thread; what it raises ends the job.
        progress: Whether to show a bar; None shows it on a terminal.
    """

    segmenting: Segmenting = field(default_factory=Segmenting)
    range: Range = field(default_factory=Range)
    encoding: Encoding | None = None
    sound: bool = True
    frames_per_second: float | None = None
    statistics: PathLike | None = None
    on_frame: Note | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        rate = self.frames_per_second
        number = isinstance(rate, (int, float, Fraction)) and not isinstance(rate, bool)
        if rate is not None and not (number and 0 < rate <= FASTEST):
            raise InputError(
                f"frames_per_second must be a number above 0, at most {FASTEST}, or None for the "
                f"source's rate, not {rate!r}"
            )


@dataclass(frozen=True, eq=False)
class VideoSummary:
    """What became of a video.

    Attributes:
        path: The file or folder that was written; None when nothing was.
        frames: How many frames were segmented.
        skipped: How many damaged packets of the source were skipped.
        seconds: How long it took.
        encoder: What the picture was coded with; None when nothing was written.
        last: Segmentation of the last frame.
    """

    path: Path | None
    frames: int
    skipped: int
    seconds: float
    encoder: str | None
    last: Segmentation

    @property
    def rate(self) -> float:
        """Frames done in a second."""
        return self.frames / max(self.seconds, 1e-9)


def process_file(
    source: PathLike,
    target: PathLike | None,
    segmenter: Segmenter,
    draw: Draw,
    job: Job | None = None,
) -> VideoSummary:
    """Segments a video file and writes another one, in the rhythm of the first.

    Reading, the network, the labels, the drawing and the encoding each have a thread; memory does
    not grow with the length. When something fails, or at Ctrl-C, all threads end, and the frames
    that were finished are kept as a playable file.

    Args:
        source: The video file.
        target: A video file, a `.gif`, a folder or a pattern for pictures, see
            `easyseg.media.frame_sinks.open_sink`; None writes no picture.
        segmenter: The network.
        draw: Makes the picture of a Segmentation: RGB uint8 (H, W, 3). Called in a thread.
        job: The rest; None is the default.

    Returns:
        What was done.

    Raises:
        InputError: If an argument makes no sense, or the target is the source.
        MediaError: If the source cannot be read or has no frame in the range, or the target cannot
            be written.
    """
    job = job or Job()
    _check(source, target, job)
    began = time.perf_counter()
    with (
        job.range.open(source) as video,
        statistics(job.statistics) as note,
        _bar(video, job.progress) as advance,
    ):
        rate = _new_rate(video, job)
        sink = None if target is None else _open(target, video, job, rate)
        results = segment_frames(video, segmenter, job.segmenting, source=source)
        drawn = ahead(_drawn(results, None if sink is None else draw), count=AHEAD)
        notes = [note, *([] if job.on_frame is None else [job.on_frame]), advance]
        with contextlib.closing(drawn), _completed(sink, video):
            frames, last = _consume(drawn, sink, notes, rate)
    if last is None:
        raise MediaError(f"{os.fspath(source)!r} has no frame in that range: nothing to segment")
    return VideoSummary(
        path=None if sink is None else sink.path,
        frames=frames,
        skipped=video.skipped,
        seconds=time.perf_counter() - began,
        encoder=None if sink is None else sink.encoder,
        last=last,
    )


def _consume(
    drawn: Iterator[tuple[Frame, Segmentation, Image | None]],
    sink: FrameSink | None,
    notes: Sequence[Note],
    rate: Fraction | None,
) -> tuple[int, Segmentation | None]:
    frames, last = 0, None
    for frame, result, picture in drawn:
        if sink is not None and picture is not None:
            sink.write(picture, frame.time if rate is None else frames / rate)
        for note in notes:
            note(frame.index, float(frame.time), result)
        frames, last = frames + 1, result
    return frames, last


def _drawn(
    results: Generator[tuple[Frame, Segmentation], None, None], draw: Draw | None
) -> Iterator[tuple[Frame, Segmentation, Image | None]]:
    with contextlib.closing(results):
        for frame, result in results:
            yield frame, result, None if draw is None else draw(result)


def _new_rate(video: VideoSource, job: Job) -> Fraction | None:
    """The rate at which the target is to play, None for the times of the source."""
    if job.frames_per_second is None:
        return None
    wanted = Fraction(job.frames_per_second).limit_denominator(1001)
    own = None if video.info.rate is None else video.info.rate / job.range.stride
    if own is not None and abs(wanted - own) < SAME_RATE * own:
        return None
    return wanted


def _open(target: PathLike, video: VideoSource, job: Job, rate: Fraction | None) -> FrameSink:
    info = video.info
    if rate is not None:
        info = replace(info, rate=rate, time_base=1 / (rate * 1000))
    elif info.rate is not None:
        info = replace(info, rate=info.rate / job.range.stride)
    return open_sink(
        target,
        info,
        copy_from=video.path if job.sound and rate is None else None,
        end=job.range.end,
        encoding=job.encoding,
    )


@contextlib.contextmanager
def _completed(sink: FrameSink | None, video: VideoSource) -> Iterator[None]:
    """Completes the sink, after an error too."""
    try:
        yield
    except BaseException as error:
        if sink is not None:
            finish_after(sink, error)
        raise
    if sink is not None:
        if sink.frames:
            sink.close(cut=not video.ended)
        else:
            sink.discard()


@contextlib.contextmanager
def _bar(video: VideoSource, wanted: bool | None) -> Iterator[Note]:
    """A progress bar with the rate and the time left; None shows it on a terminal only."""
    from tqdm import tqdm

    disable = None if wanted is None else not wanted
    with tqdm(
        total=video.expected_frames,
        unit="frame",
        desc=video.path.name,
        disable=disable,
        leave=False,
    ) as bar:
        yield lambda _index, _time, _result: bar.update()


def _check(source: PathLike, target: PathLike | None, job: Job) -> None:
    """Tells early what cannot work."""
    if job.statistics is not None:
        check_statistics(job.statistics)
    if target is None or is_folder_of_frames(target):
        return
    if os.path.realpath(target) == os.path.realpath(source):
        raise InputError(f"{os.fspath(target)!r} is the source itself: choose another name")
