"""What is asked for when a video is segmented, and what became of it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from easyseg._types import PathLike, make_plain_
from easyseg.errors import InputError
from easyseg.options import (
    EncodingOptions,
    Field,
    FrameOptions,
    JobOptions,
    RangeOptions,
    fields,
    pick,
)
from easyseg.pipeline.resume import identify
from easyseg.pipeline.segmenting import Segmenting
from easyseg.pipeline.statistics import Note
from easyseg.result import Segmentation
from easyseg.videos.encoder import Encoding
from easyseg.videos.source import VideoSource

FASTEST = 1000
"""Frames in a second, at most, that a target may play at."""

_OWN = tuple(
    one.name
    for group in (FrameOptions, RangeOptions, EncodingOptions, JobOptions)
    for one in fields(group)
)
"""The options that stand in fields of a `Job`."""


@dataclass(frozen=True)
class Range:
    """Which frames of a video are taken; see `easyseg.videos.source.VideoSource`.

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

    def __post_init__(self) -> None:
        make_plain_(self, "start", "end", "stride", "max_frames")

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
        resume: Whether what is finished is put aside, for the same call to go on from there after
            the process was killed; see `process_file`.
        drawing: What the pictures depend on besides, in JSON's types: a job that was begun with
            something else is not gone on with.
    """

    segmenting: Segmenting = field(default_factory=Segmenting)
    range: Range = field(default_factory=Range)
    encoding: Encoding | None = None
    sound: bool = True
    frames_per_second: float | None = None
    statistics: PathLike | None = None
    on_frame: Note | None = None
    progress: bool | None = None
    resume: bool = False
    drawing: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make_plain_(self, "frames_per_second")
        rate = self.frames_per_second
        number = isinstance(rate, (int, float, Fraction)) and not isinstance(rate, bool)
        if rate is not None and not (number and 0 < rate <= FASTEST):
            raise InputError(
                f"frames_per_second must be a number above 0, at most {FASTEST}, or None for the "
                f"source's rate, not {rate!r}"
            )

    @classmethod
    def of(
        cls,
        stated: Iterable[Field],
        options: Mapping[str, Any],
        classes: tuple[int, ...] | None = None,
    ) -> "Job":
        """Makes a job of the options of a function or a command.

        Args:
            stated: What `easyseg.options.fields` knows of them.
            options: Their values, by name.
            classes: Ids of the classes that are kept, if not all.

        Raises:
            InputError: If a value makes no sense, or, for a job that can be resumed, what counts by
                its contents is no file.
            MediaError: If such a file cannot be read.
        """
        others = (one for one in stated if one.option.decides and one.name not in _OWN)
        return cls(
            segmenting=Segmenting(**pick(FrameOptions, options), classes=classes),
            range=Range(**pick(RangeOptions, options)),
            encoding=Encoding(
                **pick(EncodingOptions, options), alpha=options.get("transparent", False)
            ),
            drawing=dict(
                _fact(one, options[one.name])
                for one in others
                if classes is None or one.name != "classes"
            )
            if options["resume"]
            else {},
            **pick(JobOptions, options),
        )

    @property
    def identity(self) -> dict[str, object]:
        """All that the result depends on but the source, in JSON's types, by its name."""
        coding = dict(vars(self.encoding or Encoding()))
        transparent = coding.pop("alpha")  # the drawing has an alpha of its own
        return {
            **vars(self.segmenting),
            **vars(self.range),
            **coding,
            "transparent": transparent,
            "sound": self.sound,
            "frames_per_second": None
            if self.frames_per_second is None
            else str(self.frames_per_second),
            "statistics": None if self.statistics is None else os.fspath(self.statistics),
            **self.drawing,
        }


@dataclass(frozen=True, eq=False)
class VideoSummary:
    """What became of a video.

    Attributes:
        path: The file or folder that was written; None when nothing was.
        frames: How many frames were segmented.
        resumed: How many of them an earlier process had finished.
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
    resumed: int = 0

    @property
    def rate(self) -> float:
        """Frames done in a second."""
        return (self.frames - self.resumed) / max(self.seconds, 1e-9)


def _fact(one: Field, value: Any) -> tuple[str, object]:
    """What a value adds to a job's identity, in JSON's types, by its name."""
    if one.option.contents:
        return f"{one.name} file", _contents(one.name, value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return one.name, value
    if isinstance(value, Iterable):
        return one.name, list(value)
    return one.name, str(value)


def _contents(name: str, value: Any) -> list[object] | None:
    """Tells a file by what is in it; nothing, and a model's name, by None."""
    if value is None or (name == "model" and not Path(value).is_file()):
        return None
    if not isinstance(value, (str, os.PathLike)) or "://" in os.fspath(value):
        raise InputError(f"for a job that can be resumed, {name} must be a file")
    return identify(value)
