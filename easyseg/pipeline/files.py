"""A video file in, a video file out."""

import contextlib
import functools
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from easyseg._types import Image, PathLike
from easyseg.engine import Segmenter
from easyseg.errors import InputError, MediaError
from easyseg.export.tables import check_table
from easyseg.pipeline.ahead import ahead
from easyseg.pipeline.job import Job, VideoSummary
from easyseg.pipeline.resume import Checkpoints, Progress, folder_of, identify
from easyseg.pipeline.segmenting import AHEAD, segment_frames
from easyseg.pipeline.statistics import Note, Statistics, statistics
from easyseg.result import Segmentation
from easyseg.videos.frame_sinks import is_folder_of_frames, open_sink
from easyseg.videos.resumable_sink import ResumableSink
from easyseg.videos.sinks import FrameSink, finish_after
from easyseg.videos.source import Frame, VideoSource

SAME_RATE = 0.01
"""Rates that differ by a smaller share, such as 30 and 29.97, are meant to be the same."""

Draw = Callable[[Segmentation], Image]


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

    With `resume` the picture is coded in sections of about a hundred frames. What is finished goes
    to a hidden folder beside the target, from where a later call goes on, after SIGKILL or a power
    cut, too: it begins with the first frame that is in no finished section, knows what smoothing
    remembered, and gives the file and the table that an unbroken call with `resume` gives.
    Nothing is coded twice, and the folder goes when the target is complete. `on_frame` is called
    for the frames of this call only.

    Args:
        source: The video file.
        target: A video file, a `.gif`, a folder or a pattern for pictures, see
            `easyseg.videos.frame_sinks.open_sink`; None writes no picture.
        segmenter: The network.
        draw: Makes the picture of a Segmentation: RGB uint8 (H, W, 3). Called in a thread.
        job: The rest; None is the default.

    Returns:
        What was done.

    Raises:
        InputError: If an argument makes no sense, or the target is the source.
        MediaError: If the source cannot be read or has no frame in the range, or the target cannot
            be written, another process is at the job, or it was begun with something else.
    """
    job = job or Job()
    _check(source, target, job)
    began = time.perf_counter()
    with (
        job.range.open(source) as video,
        _kept(source, target, segmenter, job) as kept,
        statistics(job.statistics, keep=kept.progress.table) as note,
        _bar(video, job.progress, kept.progress.frames) as advance,
    ):
        rate, earlier = _new_rate(video, job), kept.progress
        sink = None if target is None else _open(target, video, job, rate, kept)
        results = segment_frames(
            kept.remaining(video), segmenter, job.segmenting, source=source, smoother=kept.smoother
        )
        drawn = ahead(_drawn(results, None if sink is None else draw), count=AHEAD)
        notes: list[Note] = [note, *([] if job.on_frame is None else [job.on_frame]), advance]
        checkpoint = functools.partial(_checkpoint, kept, sink, video, note)
        with contextlib.closing(drawn), _completed(sink, video):
            frames, last = _consume(drawn, sink, notes, rate, earlier.frames, checkpoint)
    if last is None:
        raise MediaError(f"{os.fspath(source)!r} has no frame in that range: nothing to segment")
    return VideoSummary(
        path=None if sink is None else sink.path,
        frames=frames,
        skipped=earlier.skipped + video.skipped,
        seconds=time.perf_counter() - began,
        encoder=None if sink is None else sink.encoder,
        last=last,
        resumed=earlier.frames,
    )


def _consume(
    drawn: Iterator[tuple[Frame, Segmentation, Image | None]],
    sink: FrameSink | None,
    notes: Sequence[Note],
    rate: Fraction | None,
    frames: int,
    checkpoint: Callable[[int, Frame], None],
) -> tuple[int, Segmentation | None]:
    last, before = None, None
    for frame, result, picture in drawn:
        # Only now, for a job that goes on shall have a frame left to do.
        if before is not None:
            checkpoint(frames, before)
        if sink is not None and picture is not None:
            sink.write(picture, frame.time if rate is None else frames / rate)
        for note in notes:
            note(frame.index, float(frame.time), result)
        frames, last, before = frames + 1, result, frame
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


def _checkpoint(
    kept: Checkpoints,
    sink: FrameSink | None,
    video: VideoSource,
    note: Statistics,
    frames: int,
    last: Frame,
) -> None:
    """Puts aside what is finished, where a section ends."""
    if kept.is_due(frames):
        section = sink.end_section() if isinstance(sink, ResumableSink) else None
        time = str(last.time)
        kept.save(Progress(frames, last.index, time, video.skipped, note.settle(), section))


@contextlib.contextmanager
def _kept(
    source: PathLike, target: PathLike | None, segmenter: Segmenter, job: Job
) -> Iterator[Checkpoints]:
    """Opens the folder of a job that can be resumed; it goes when all went well."""
    folder, identity = None, {}
    if job.resume:
        folder = folder_of(target, job.statistics)
        identity = {"source": identify(source), "model": segmenter.name, **job.identity}
    kept = Checkpoints(folder, job.segmenting, identity)
    try:
        yield kept
    except BaseException:
        kept.close()
        raise
    kept.finish()


def _open(
    target: PathLike, video: VideoSource, job: Job, rate: Fraction | None, kept: Checkpoints
) -> FrameSink:
    info = video.info
    if rate is not None:
        info = replace(info, rate=rate, time_base=1 / (rate * 1000))
    elif info.rate is not None:
        info = replace(info, rate=info.rate / job.range.stride)
    copy_from = video.path if job.sound and rate is None else None
    if kept.folder is not None and not is_folder_of_frames(target):
        return ResumableSink(
            target, info, kept.folder, copy_from=copy_from, end=job.range.end,
            encoding=job.encoding, after=kept.progress.section,
        )  # fmt: skip
    sink = open_sink(target, info, copy_from=copy_from, end=job.range.end, encoding=job.encoding)
    sink.frames = kept.progress.frames
    return sink


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
def _bar(video: VideoSource, wanted: bool | None, done: int) -> Iterator[Note]:
    """A progress bar with the rate and the time left; None shows it on a terminal only."""
    from tqdm import tqdm

    disable = None if wanted is None else not wanted
    with tqdm(
        total=video.expected_frames,
        initial=done,
        unit="frame",
        desc=video.path.name,
        disable=disable,
        leave=False,
    ) as bar:
        yield lambda _index, _time, _result: bar.update()


def _check(source: PathLike, target: PathLike | None, job: Job) -> None:
    """Tells early what cannot work."""
    if job.statistics is not None:
        check_table(job.statistics)
    if target is None or is_folder_of_frames(target):
        return
    if os.path.realpath(target) == os.path.realpath(source):
        raise InputError(f"{os.fspath(target)!r} is the source itself: choose another name")
