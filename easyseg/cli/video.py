"""The part of the plain command that is about video files."""

import argparse
import contextlib
import glob
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyseg.cli import work
from easyseg.cli.finished import Finished
from easyseg.cli.flags import chosen, given
from easyseg.cli.outputs import KindOptions
from easyseg.errors import EasysegError, InputError
from easyseg.files import may_be_read, protect
from easyseg.files.shown import visible
from easyseg.options import (
    EncodingOptions,
    Field,
    FrameOptions,
    JobOptions,
    RangeOptions,
    VideoOptions,
    fields,
)

if TYPE_CHECKING:
    from easyseg.pipeline import Job, VideoSummary

GROUPS = (RangeOptions, FrameOptions, EncodingOptions, JobOptions)
"""The options that are for videos only."""


def find(options: argparse.Namespace) -> list[str]:
    """Finds the videos among the inputs.

    A GIF is a video when the output is one, and a picture otherwise.

    Args:
        options: What the user wrote.

    Returns:
        Their paths; none when the inputs are photographs.

    Raises:
        InputError: If videos and photographs are mixed, or an option is for the other kind.
    """
    videos = [path for name in options.photos if _is_video(name, options) for path in _paths(name)]
    if videos and not all(_is_video(name, options) for name in options.photos):
        raise InputError("videos and photographs cannot be mixed: run the command once for each")
    if videos and (options.tta is True or options.tile is not None):
        raise InputError("--tta and --tile are for photographs only")
    used = given(options, *GROUPS)
    if used and not videos:
        flags = ", ".join(used)
        raise InputError(f"{flags}: for videos only, and {options.photos[0]} is none by its name")
    protect(videos)
    return videos


def run(options: argparse.Namespace, videos: list[str]) -> int:
    """Segments the videos.

    Returns:
        0, or 1 when some failed, or 2 when all did.

    Raises:
        InputError: If the options do not go together.
        ModelError: If the model cannot be loaded.
    """
    targets = plan(videos, options)
    segmenter = work.make_segmenter(options)
    stated = (*fields(VideoOptions), *fields(KindOptions))
    job = job_of(options, stated, work.kept_classes(options, segmenter))
    from easyseg.pipeline import process_file

    done = failed = 0
    finished = Finished(targets, job, segmenter.name)
    for source, target in zip(videos, targets, strict=True):
        try:
            if finished.holds(source, target):
                report_finished(options, source, target)
                done += 1
                continue
            summary = process_file(
                source, target, segmenter, lambda result: work.draw(result, options), job
            )
            finished.add(source, target)
        # RuntimeError is what PyTorch raises when memory runs out.
        except (EasysegError, OSError, MemoryError, RuntimeError) as error:
            failed += 1
            work.complain(options, source, error)
            if options.on_error == "raise":
                break
        else:
            done += 1
            report(options, source, target, summary)
    if not failed:
        finished.forget()
    return work.status(options, done, failed)


def plan(videos: list[str], options: argparse.Namespace) -> list[str]:
    """Chooses the target of each video, and makes its folder.

    Without an output it is `NAME_segmented` in the current folder. One video may go into a file, or
    into a folder, a picture a frame; several go into a folder, each as a video.

    Raises:
        InputError: If the output does not suit.
        MediaError: If the folder cannot be made.
    """
    output = options.output
    if output == "-":
        raise InputError("a video cannot go to the standard output: give a file, as -o out.mp4")
    if len(videos) > 1 and options.statistics is not None:
        raise InputError("--stats is one file: give one video at a time")
    if output is not None and len(videos) == 1:
        targets = [output]
    else:
        if output is not None and Path(output).suffix and not Path(output).is_dir():
            raise InputError(f"several videos cannot go into {output}: give a folder, -o results/")
        end = "" if output is not None else "_segmented"
        targets = [str(Path(output or "") / _file_name(Path(video), end)) for video in videos]
    if options.kind == "labels" and not all(_is_pictures(target) for target in targets):
        raise InputError(
            "a video's colours are not exact, class ids need pictures: -o ids/ or ids/%06d.png"
        )
    if len({target.casefold() for target in targets}) < len(targets):
        raise InputError("two of the videos have the same name: run the command once for each")
    from easyseg.files import make_folder

    for target in targets:
        make_folder(Path(target).parent)
    return targets


def job_of(
    options: argparse.Namespace,
    stated: Iterable[Field],
    classes: tuple[int, ...] | None = None,
    **others: Any,
) -> "Job":
    """Makes the job that the options ask for; what has no flag has its default."""
    from easyseg.pipeline import Job

    values = chosen(options, VideoOptions) | {"progress": work.unless_quiet(options), **others}
    return Job.of(stated, values, classes)


def report(options: argparse.Namespace, source: str, target: str, summary: "VideoSummary") -> None:
    """Says what became of a video."""
    if options.json:
        facts = {
            "source": source, "output": target, "model": summary.last.model,
            "frames": summary.frames, "resumed": summary.resumed, "skipped": summary.skipped,
            "encoder": summary.encoder, "seconds": round(summary.seconds, 3),
        }  # fmt: skip
        line = json.dumps(facts)
    elif options.quiet:
        return
    else:
        line = f"{target}  {summary.frames} frames, {summary.rate:.1f} a second"
        if summary.resumed:
            line += f", {summary.resumed} of them by an earlier run"
        if summary.skipped:
            line += f", {summary.skipped} damaged parts skipped"
    if sys.stdout is not None:
        print(visible(line), flush=True)


def report_finished(options: argparse.Namespace, source: str, target: str) -> None:
    """Says that there was nothing to do."""
    if options.json:
        print(json.dumps({"source": source, "output": target, "finished": True}), flush=True)
    elif not options.quiet and sys.stdout is not None:
        print(f"{visible(target)}  finished by an earlier run", flush=True)


def _is_video(name: str, options: argparse.Namespace) -> bool:
    from easyseg.videos.extensions import VIDEO_EXTENSIONS

    suffix = Path(name).suffix.lower()
    if suffix == ".gif":
        output = options.output or ""
        suffix = Path(output).suffix.lower() if "%" not in output else ".gif"
    return suffix in VIDEO_EXTENSIONS and "://" not in name and not _is_folder(name)


def _is_folder(name: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return Path(name).is_dir()
    return False


def _paths(name: str) -> list[str]:
    """The files that a quoted pattern means; a name that is none stands for itself."""
    if glob.has_magic(name) and not os.path.lexists(name):
        found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - it is text
        return [path for path in found if may_be_read(Path(path))] or [name]
    return [name]


def _is_pictures(target: str) -> bool:
    from easyseg.videos.frame_sinks import is_folder_of_frames

    return is_folder_of_frames(target) and Path(target).suffix.lower() in ("", ".png")


def _file_name(video: Path, end: str) -> str:
    from easyseg.videos.frame_sinks import SINK_EXTENSIONS

    suffix = video.suffix if video.suffix.lower() in SINK_EXTENSIONS else ".mp4"
    return f"{video.stem}{end}{suffix}"
