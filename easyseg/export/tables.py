"""Tables of how much of each picture, or frame, every class covers."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from easyseg._closing import Closing
from easyseg._types import PathLike
from easyseg.errors import InputError, MediaError
from easyseg.files import PendingFile, check_target
from easyseg.files.shown import cell

KINDS = (".csv", ".jsonl")


def check_table(path: PathLike) -> Path:
    """Tells early that a table cannot be written.

    Args:
        path: The file.

    Returns:
        It, with `~` replaced.

    Raises:
        InputError: If the extension is none of `KINDS`.
        MediaError: If its folder is not there, or it cannot be replaced.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in KINDS:
        raise InputError(f"statistics go to a .csv or a .jsonl file, not to {str(path)!r}")
    check_target(target)
    return target


class Table(Closing):
    """A table that is written row by row: what was added is in the file at once.

    A long `.csv` has a row for each class that occurs, `...,class,ratio`; a wide one has a column
    for each class there is, and a row for each picture. A `.jsonl` has a line of JSON for each
    picture, `{..., "classes": {"wall": 0.5}}`. Ratios are 0 to 1.

    The file is made, or replaced, when the first picture is added; it is another file from then on,
    so that two writers never mix, and the last one to finish has the name.

    Args:
        target: The file, or an open text stream, which takes CSV.
        keys: Names of the columns that tell which picture it is.
        names: Names of the classes, for the columns of a wide table; None makes a long one.
        keep: How many bytes of what is there are kept, to go on after them.

    Raises:
        InputError: If the extension is none of `KINDS`.
        MediaError: If the file cannot be written.
    """

    def __init__(
        self,
        target: PathLike | TextIO,
        keys: Sequence[str],
        names: Sequence[str] | None = None,
        *,
        keep: int = 0,
    ) -> None:
        self._keys, self._names = tuple(keys), names
        self._begun = keep > 0
        self._keep = keep
        self._file: PendingFile | None = None
        self._path = check_table(target) if isinstance(target, (str, os.PathLike)) else None
        self._stream = None if isinstance(target, (str, os.PathLike)) else target
        self._is_csv = self._path is None or self._path.suffix.lower() == ".csv"

    def add(self, values: Sequence[object], ratios: Mapping[str, float]) -> None:
        """Adds a picture.

        Args:
            values: What the columns `keys` hold; times and the like as text in a CSV.
            ratios: Share of each class that occurs, by its name.

        Raises:
            MediaError: If the file cannot be written.
        """
        text = self._rows(values, ratios) if self._is_csv else self._line(values, ratios)
        if self._stream is None:
            self.open()
        if self._file is not None:
            # A name of a file may hold bytes that are no text.
            self._file.write(text.encode("utf-8", "backslashreplace"))
        elif self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise MediaError(f"cannot write the table: {error.strerror}") from error
        self._begun = True

    def open(self) -> None:
        """Makes, or replaces, the file before the first picture.

        Raises:
            MediaError: If it cannot be written, or is shorter than what is to be kept.
        """
        if self._file is not None or self._path is None:
            return
        file = PendingFile(self._path)
        try:
            file.write(_beginning(self._path, self._keep))
            file.show()
        except BaseException:
            file.discard()
            raise
        self._file = file

    def settle(self) -> int:
        """Waits until all that was added is on the disk; gives the length in bytes.

        Raises:
            MediaError: If the disk refuses.
        """
        return 0 if self._file is None else self._file.settle()

    def _rows(self, values: Sequence[object], ratios: Mapping[str, float]) -> str:
        rows: list[Sequence[object]] = []
        if not self._begun:
            rows.append(
                (*self._keys, *(("class", "ratio") if self._names is None else self._names))
            )
        words = [f"{value:.6f}" if isinstance(value, float) else value for value in values]
        if self._names is None:
            rows += [(*words, name, f"{ratio:.6f}") for name, ratio in ratios.items()]
        else:
            rows.append((*words, *(f"{ratios.get(name, 0.0):.6f}" for name in self._names)))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([cell(value) for value in row] for row in rows)
        return text.getvalue()

    def _line(self, values: Sequence[object], ratios: Mapping[str, float]) -> str:
        facts = {
            key: round(value, 6) if isinstance(value, float) else value
            for key, value in zip(self._keys, values, strict=True)
        }
        classes = {name: round(ratio, 6) for name, ratio in ratios.items()}
        return json.dumps({**facts, "classes": classes}, ensure_ascii=False) + "\n"

    def close(self) -> None:
        """Completes the file; a stream stays open.

        Raises:
            MediaError: If the file cannot be written.
        """
        file, self._file, self._keep = self._file, None, 0
        if file is not None:
            try:
                file.complete()
            finally:
                file.discard()


def _beginning(path: Path, length: int) -> bytes:
    """Reads what is to be kept of a table that was begun."""
    if not length:
        return b""
    try:
        with path.open("rb") as file:
            content = file.read(length)
    except OSError:
        content = b""
    if len(content) < length:
        raise MediaError(f"{str(path)!r}, which was begun, is gone or shorter: begin anew")
    return content
