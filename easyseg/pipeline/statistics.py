"""Tables of what each frame of a video shows."""

import contextlib
import csv
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TextIO

from easyseg._types import PathLike
from easyseg.errors import InputError, MediaError
from easyseg.result import Segmentation

Note = Callable[[int, float, Segmentation], None]
"""Takes a frame's number, its time in seconds and its Segmentation."""

COLUMNS = ("frame", "time", "class", "ratio")
KINDS = (".csv", ".jsonl")


def check_statistics(path: PathLike) -> None:
    """Tells early that a table cannot be written.

    Raises:
        InputError: If the extension is none of `KINDS`.
        MediaError: If its folder is not there.
    """
    target = Path(os.fspath(path)).expanduser()
    if target.suffix.lower() not in KINDS:
        raise InputError(f"statistics go to a .csv or a .jsonl file, not to {str(path)!r}")
    if not target.parent.is_dir():
        raise MediaError(f"the folder {str(target.parent)!r} is not there: create it first")


@contextlib.contextmanager
def statistics(path: PathLike | None, *, keep: int = 0) -> Iterator[Note]:
    """Opens a table; what was noted is in the file at once, whatever happens later.

    CSV has a row for each class of each frame: `frame,time,class,ratio`. JSONL has a line for each
    frame: `{"frame": 0, "time": 0.0, "classes": {"wall": 0.5}}`. Times are seconds, ratios 0 to 1.

    Args:
        path: A `.csv` or `.jsonl` file; None gives a function that does nothing.
        keep: How many bytes of what is there are kept, to go on after them.

    Yields:
        The function that notes a frame.

    Raises:
        InputError: If the extension is another.
        MediaError: If the file cannot be written, or is shorter than what is to be kept.
    """
    if path is None:
        yield lambda _index, _time, _result: None
        return
    check_statistics(path)
    target = Path(os.fspath(path)).expanduser()
    try:
        if keep:
            _cut(target, keep)
        # Line by line, so that an interrupted job leaves what it did.
        mode: Literal["a", "w"] = "a" if keep else "w"
        file = target.open(mode, encoding="utf-8", newline="", buffering=1)
    except OSError as error:
        raise MediaError(f"cannot write {str(target)!r}: {error.strerror}") from error
    with file:
        if target.suffix.lower() == ".csv":
            yield _table(file, new=not keep)
        else:
            yield _lines(file)


def settle(path: PathLike | None) -> int:
    """Waits until all that was noted is on the disk; gives the length of the table in bytes.

    Raises:
        MediaError: If the file is gone, or the disk refuses.
    """
    if path is None:
        return 0
    try:
        with Path(os.fspath(path)).expanduser().open("r+b") as file:
            os.fsync(file.fileno())
            return file.seek(0, os.SEEK_END)
    except OSError as error:
        raise MediaError(f"cannot write {os.fspath(path)!r}: {error.strerror}") from error


def _cut(target: Path, length: int) -> None:
    if not target.is_file() or target.stat().st_size < length:
        raise MediaError(f"{str(target)!r}, which was begun, is gone or shorter: begin anew")
    with target.open("r+b") as file:
        file.truncate(length)


def _table(file: TextIO, *, new: bool) -> Note:
    writer = csv.writer(file, lineterminator="\n")
    if new:
        writer.writerow(COLUMNS)

    def note(index: int, time: float, result: Segmentation) -> None:
        for area in result.classes:
            writer.writerow((index, f"{time:.6f}", area.name, f"{area.ratio:.6f}"))

    return note


def _lines(file: TextIO) -> Note:
    def note(index: int, time: float, result: Segmentation) -> None:
        ratios = {name: round(ratio, 6) for name, ratio in result.ratios.items()}
        line = {"frame": index, "time": round(time, 6), "classes": ratios}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")

    return note
