"""Another background for a video file."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction

from easyseg._types import PathLike
from easyseg.background.change import Change, Draw
from easyseg.background.moving import frame_clock
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.pipeline import Job, VideoSummary, finished_frames, process_file


def change_file(
    source: PathLike, target: PathLike | None, segmenter: Segmenter, change: Change, job: Job
) -> VideoSummary:
    """Changes the background of a video file.

    Args:
        source: The video file.
        target: As for `easyseg.pipeline.process_file`; None writes nothing.
        segmenter: The network.
        change: What is done.
        job: The rest.

    Returns:
        What was done.

    Raises:
        InputError: If an argument makes no sense.
        MediaError: If something cannot be read, or the target cannot be written.
    """
    with change_file_drawing(source, target, segmenter, change, job) as draw:
        return process_file(source, target, segmenter, draw, job)


@contextlib.contextmanager
def change_file_drawing(
    source: PathLike, target: PathLike | None, segmenter: Segmenter, change: Change, job: Job
) -> Iterator[Draw]:
    """Opens what `change_file` draws with, in step with the video; see there."""
    if target is not None and change.video is not None and _is_same(target, change.video):
        raise InputError(f"{str(target)!r} is the new background: choose another name")
    with job.range.open(source) as video:
        rate = video.info.rate
    if job.frames_per_second is not None:
        rate = Fraction(job.frames_per_second)
    elif rate is not None:
        rate /= job.range.stride
    done = finished_frames(target, job.statistics) if job.resume else 0
    with change.drawing(segmenter.label_set, frame_clock(rate, done)) as draw:
        yield draw


def _is_same(one: PathLike, other: PathLike) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
