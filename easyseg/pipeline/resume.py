"""Keeps what a long job has finished beside its target, to go on with after it was killed."""

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from easyseg._types import PathLike
from easyseg.engine import Prediction
from easyseg.errors import InputError, MediaError
from easyseg.files import replace_file
from easyseg.pipeline.segmenting import Segmenting
from easyseg.pipeline.smoothing import Past, Smoother
from easyseg.videos.frame_sinks import is_folder_of_frames
from easyseg.videos.resumable_sink import Section
from easyseg.videos.source import Frame, VideoSource

SECTION = 96
"""Frames, at least, after which what is finished is put aside: what a killed job can lose."""

HEAD = 2**20
"""Bytes at the beginning of a source that tell whether it is the same."""

FACTS = "job.json"
INSIDE = ".resume"
"""Name of the folder of a job whose target is a folder itself, in which it lies."""


@dataclass(frozen=True)
class Progress:
    """How far a job has come; as it stands, not far.

    Attributes:
        frames: How many frames are finished.
        index: Number of the last of them.
        time: Its time, in seconds, as a fraction.
        skipped: How many damaged packets were skipped.
        table: Bytes of the table of statistics.
        section: What the sink has to know; None where it needs nothing.
    """

    frames: int = 0
    index: int = -1
    time: str = "0"
    skipped: int = 0
    table: int = 0
    section: Section | None = None


class Checkpoints:
    """What one job has finished, in a folder of its own.

    Args:
        folder: Where; it is made. None keeps nothing.
        settings: How the frames are segmented; a section holds whole rounds of `every_n`.
        identity: What the job is, its source included: values of JSON's types, by their names.

    Attributes:
        folder: The folder.
        progress: How far the job has come.
        smoother: What smooths; it goes on where an earlier process was.

    Raises:
        MediaError: If another process is at this job, if it was begun with something else, or if
            the folder cannot be used.
    """

    def __init__(
        self, folder: Path | None, settings: Segmenting, identity: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        self.progress = Progress()
        self._identity = json.loads(json.dumps(identity))
        self._every_n = settings.every_n
        self._section = -(-SECTION // settings.every_n) * settings.every_n
        self._lock: FileLock | None = None
        if folder is not None:
            self._lock = _locked(folder)
            try:
                self._read(folder)
            except BaseException:
                self._lock.release()
                raise
        self._frames = self.progress.frames
        self._pasts: dict[int, Past] = {}
        self._smoother = Smoother(settings.smoothing)
        if folder is not None and self._frames and settings.smoothing != "off":
            self._smoother.past = _read_past(_past_file(folder, self._frames))

    def smoother(self, prediction: Prediction) -> Prediction:
        """Takes the next prediction of the job, and notes what is remembered of a section."""
        smoothed = self._smoother(prediction)
        self._frames += self._every_n
        if self._smoother.past is not None and self.is_due(self._frames):
            self._pasts[self._frames] = self._smoother.past
        return smoothed

    def remaining(self, video: VideoSource) -> Iterable[Frame]:
        """Gives the frames that are not finished."""
        done = self.progress
        if not done.frames:
            return video
        return video.after(done.index, Fraction(done.time), done.frames)

    def is_due(self, frames: int) -> bool:
        """Tells whether a section ends after so many frames."""
        return self.folder is not None and frames % self._section == 0

    def save(self, progress: Progress) -> None:
        """Puts on the disk how far the job has come, at the end of a section.

        Raises:
            MediaError: If it cannot be written.
        """
        if self.folder is None:
            return
        past = self._pasts.pop(progress.frames, None)
        kept = _past_file(self.folder, progress.frames)
        with _os_errors(self.folder):
            if past is not None:
                file = io.BytesIO()
                np.savez(file, probabilities=past[0].numpy(), thumbnail=past[1])
                replace_file(kept, file.getvalue(), durable=True)
            facts = {"job": self._identity, "progress": asdict(progress)}
            text = json.dumps(facts, indent=1)
            replace_file(self.folder / FACTS, text.encode(), durable=True)
            for old in self.folder.glob("past-*.npz"):
                if old != kept:
                    old.unlink()
        self.progress = progress

    def finish(self) -> None:
        """Removes the folder: the job is done."""
        if self._lock is not None and self.folder is not None:
            self._lock.release()
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Leaves the folder to a later process, or removes it where nothing is finished."""
        if not self.progress.frames:
            self.finish()
        elif self._lock is not None:
            self._lock.release()

    def _read(self, folder: Path) -> None:
        if not (folder / FACTS).exists():
            return
        try:
            facts = json.loads((folder / FACTS).read_text("utf-8"))
            before, section = facts["job"], facts["progress"].pop("section")
            if section is not None:
                section = Section(**{**section, "size": tuple(section["size"])})
            progress = Progress(**facts["progress"], section=section)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _damaged(folder) from error
        changed = [
            f"{name} was {before.get(name)!r} and is {self._identity.get(name)!r}"
            for name in sorted({*before, *self._identity})
            if before.get(name) != self._identity.get(name)
        ]
        if changed:
            raise MediaError(
                f"this job was begun otherwise and cannot go on: {'; '.join(changed)}. Give the "
                f"same again, or delete {str(folder)!r} to begin anew"
            )
        self.progress = progress


def folder_of(target: PathLike | None, table: PathLike | None) -> Path:
    """Names the folder of a job: hidden, beside the target, or in it where that is a folder.

    Args:
        target: The target, or None.
        table: The table of statistics, which counts where there is no target.

    Raises:
        InputError: If there is neither, or the target is a GIF.
    """
    place = target if target is not None else table
    if place is None:
        raise InputError("resume needs a target, or a table of statistics, to go on with")
    if target is not None and is_folder_of_frames(target):
        path = Path(os.fspath(target)).expanduser()
        return (path.parent if "%" in path.name else path) / INSIDE
    path = Path(os.fspath(place)).expanduser()
    if path.suffix.lower() == ".gif":
        raise InputError("a .gif cannot be resumed: write a video file or a folder of pictures")
    return path.with_name(f".{path.name}.resume")


def finished_frames(target: PathLike | None, table: PathLike | None) -> int:
    """Tells how many frames of a job an earlier process has finished.

    Whether they can be gone on with, opening the job will tell.

    Args:
        target: As for `folder_of`.
        table: See there.

    Raises:
        InputError: See there.
    """
    folder = folder_of(target, table)
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        return int(facts["progress"]["frames"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0


def identify(source: PathLike) -> list[object]:
    """Tells a file by its size, the time of its last change, and its beginning.

    Returns:
        Bytes, nanoseconds, and the SHA-256 of the first megabyte.

    Raises:
        MediaError: If it cannot be read.
    """
    path = Path(os.fspath(source)).expanduser()
    with _os_errors(path), path.open("rb") as file:
        status = os.fstat(file.fileno())
        head = hashlib.sha256(file.read(HEAD)).hexdigest()
    return [status.st_size, status.st_mtime_ns, head]


def identify_model(model: PathLike) -> list[object] | None:
    """Tells a model's file from one that another training has left there under the same name.

    Args:
        model: A tier, a model's name, or the path of a checkpoint.

    Returns:
        What `identify` says of the checkpoint; None for a name, whose file never changes.

    Raises:
        MediaError: As `identify` does.
    """
    return identify(model) if Path(model).is_file() else None


def _locked(folder: Path) -> FileLock:
    with _os_errors(folder):
        folder.mkdir(parents=folder.name == INSIDE, exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise MediaError(
                f"another process is at the job in {str(folder)!r}: wait for its end"
            ) from error
    return lock


def _past_file(folder: Path, frames: int) -> Path:
    return folder / f"past-{frames}.npz"


def _read_past(file: Path) -> Past:
    try:
        with np.load(file) as kept:
            return torch.from_numpy(kept["probabilities"]), kept["thumbnail"]
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(file.parent) from error


def _damaged(folder: Path) -> MediaError:
    return MediaError(f"what is in {str(folder)!r} is damaged: delete it to begin anew")


@contextlib.contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaError(f"cannot use {str(path)!r}: {error.strerror or error}") from error
