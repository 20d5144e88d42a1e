"""Turns names that come from files into names that files may have."""

import re

_LONGEST = 60
"""Letters, of up to four bytes each; names of files have at most 255 bytes."""


def plain_name(text: str) -> str:
    """Makes one part of a path of any text: no folder, not hidden, not too long.

    Args:
        text: A name that a file, or a user, has given to something else.

    Returns:
        Letters and digits of all scripts, `_`, `+`, `-`, and dots within; at least one letter.
    """
    words = re.sub(r"[^\w.+-]+", "_", text)[:_LONGEST]
    return re.sub(r"\.{2,}", "_", words).strip(".") or "_"
