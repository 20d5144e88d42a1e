"""Tables of what each frame of a video shows."""

import contextlib
from collections.abc import Callable, Iterator

from easyseg._types import PathLike
from easyseg.export.tables import Table
from easyseg.result import Segmentation

Note = Callable[[int, float, Segmentation], None]
"""Takes a frame's number, its time in seconds and its Segmentation."""

KEYS = ("frame", "time")


class Statistics:
    """Notes frames in a table, or nowhere.

    Args:
        table: It; None notes nothing.
    """

    def __init__(self, table: Table | None) -> None:
        self._table = table

    def __call__(self, index: int, time: float, result: Segmentation) -> None:
        """Notes a frame."""
        if self._table is not None:
            self._table.add((index, time), result.ratios)

    def settle(self) -> int:
        """Waits until all that was noted is on the disk; gives the length of the table in bytes.

        Raises:
            MediaError: If the disk refuses.
        """
        return 0 if self._table is None else self._table.settle()


@contextlib.contextmanager
def statistics(path: PathLike | None, *, keep: int = 0) -> Iterator[Statistics]:
    """Opens a table; what was noted is in the file at once, whatever happens later.

    CSV has a row for each class of each frame: `frame,time,class,ratio`. JSONL has a line for each
    frame: `{"frame": 0, "time": 0.0, "classes": {"wall": 0.5}}`. Times are seconds, ratios 0 to 1.

    Args:
        path: A `.csv` or `.jsonl` file; None notes nothing.
        keep: How many bytes of what is there are kept, to go on after them.

    Yields:
        What notes a frame.

    Raises:
        InputError: If the extension is another.
        MediaError: If the file cannot be written, or is shorter than what is to be kept.
    """
    if path is None:
        yield Statistics(None)
        return
    with Table(path, KEYS, keep=keep) as table:
        table.open()
        yield Statistics(table)
