"""What a command must not write over: its inputs, and files that are no earlier outputs.

It holds for the command line, where a slip of the hand costs a photograph; a program that calls
easyseg says itself which files it replaces.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.errors import InputError
from easyseg.files.marks import is_marked

if TYPE_CHECKING:
    from easyseg._types import PathLike


@dataclass
class _Guard:
    overwrite: bool
    inputs: "list[PathLike]" = field(default_factory=list)
    identities: set[tuple[int, int]] | None = None
    """Of the inputs; made when the first target is there already."""


_guards: list[_Guard] = []


@contextlib.contextmanager
def guarding(inputs: "Iterable[PathLike]", *, overwrite: bool) -> Iterator[None]:
    """Protects files from what the block writes.

    Args:
        inputs: Files that are read, whatever they are called; more may come by `protect`.
        overwrite: Whether files may be replaced that are no earlier outputs; inputs never are.
    """
    guard = _Guard(overwrite, list(inputs))
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)


def protect(inputs: "Iterable[PathLike]") -> None:
    """Adds inputs, where something is guarded at all."""
    more = list(inputs)
    for guard in _guards:
        guard.inputs += more
        guard.identities = None


def check_replaceable(path: Path) -> None:
    """Raises InputError where a target is an input, or is there and no earlier output."""
    if not _guards:
        return
    identity = _identity(path)
    if identity is None:
        return
    for guard in _guards:
        if guard.identities is None:
            found = map(_identity, guard.inputs)
            guard.identities = {one for one in found if one is not None}
        if identity in guard.identities:
            raise InputError(f"{path} is one of the inputs: choose another name for the result")
        if not guard.overwrite and not is_marked(path):
            raise InputError(
                f"{path} is there, and no earlier result of easyseg, or was changed since: choose "
                "another name, or allow it with --overwrite"
            )


def _identity(path: "PathLike") -> tuple[int, int] | None:
    """What a file has in common under all its names; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - also for texts that are no paths
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
