"""Tables of what each frame of a video shows."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from easyseg._types import PathLike
from easyseg.errors import MediaError
from easyseg.export.tables import Table
from easyseg.result import Segmentation

Note = Callable[[int, float, Segmentation], None]
"""Takes a frame's number, its time in seconds and its Segmentation."""

KEYS = ("frame", "time")


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
    with Table(path, KEYS, keep=keep) as table:
        table.open()
        yield lambda index, time, result: table.add((index, time), result.ratios)


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
