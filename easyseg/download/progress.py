"""What a user at a terminal sees of a download."""

import sys
from typing import Any


def progress_bar(name: str, start: int, total: int, *, is_wanted: bool) -> Any:
    """Makes a bar on the standard error: share, rate, time left; silent where that is no terminal.

    Args:
        name: What stands before it.
        start: Bytes that are there already.
        total: Bytes of the whole; 0 where it is not known.
        is_wanted: False for a silent one.

    Returns:
        A tqdm, which is a context manager.
    """
    from tqdm import tqdm

    return tqdm(
        total=total or None,
        initial=start,
        desc=name,
        unit="B",
        unit_scale=True,
        disable=not (is_wanted and _is_terminal()),
    )


def say(text: str, *, is_wanted: bool) -> None:
    """Writes a line to the standard error, where that is a terminal.

    Args:
        text: The line.
        is_wanted: False to write nothing.
    """
    if is_wanted and _is_terminal():
        sys.stderr.write(f"{text}\n")


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
