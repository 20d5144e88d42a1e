"""What becomes of one of many things that cannot be read or segmented."""

import os
import warnings
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, TypeVar

from easyseg.errors import EasysegError, EasysegWarning, InputError

T = TypeVar("T")
R = TypeVar("R")

OnError: TypeAlias = Literal["raise", "skip"]

SKIPPABLE = (EasysegError, OSError, MemoryError, RuntimeError)
"""What may be wrong with one thing and right with the next; memory of a GPU is a RuntimeError."""


class Skipping:
    """Raises, or warns and counts.

    Args:
        on_error: `"raise"` or `"skip"`.

    Attributes:
        skips: Whether it warns.
        skipped: How many were skipped so far.

    Raises:
        InputError: If it is another word.
    """

    def __init__(self, on_error: OnError) -> None:
        if on_error not in ("raise", "skip"):
            raise InputError(f'on_error must be "raise" or "skip", not {on_error!r}')
        self.skips = on_error == "skip"
        self.skipped = 0

    def note(self, what: object, error: Exception) -> None:
        """Takes notice of what was wrong with something.

        Args:
            what: Its path, URL, or the thing itself.
            error: What it has raised, which is raised again where nothing is to be skipped.
        """
        if not self.skips:
            raise error
        self.skipped += 1
        name = str(what) if isinstance(what, (str, os.PathLike)) else ""
        name = "" if name in str(error) else f": {name}"
        warnings.warn(
            f"skipped, {self.skipped} so far{name}: {error}", EasysegWarning, stacklevel=4
        )

    def each(self, items: Iterable[T], work: Callable[[T], R]) -> list[R]:
        """Does something to each of some things; gives the results of those that went."""
        results = []
        for item in items:
            try:
                results.append(work(item))
            except SKIPPABLE as error:
                self.note(item, error)
        return results
