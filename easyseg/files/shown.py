"""Names of files and classes, made safe for where they are shown."""

import re

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, rings, breaks lines or turns the direction of writing."""

_FORMULA = re.compile(r"[=+\-@\t\r].", re.S)


def visible(text: str) -> str:
    """Writes control characters as escapes, as in Python's texts, for a line on a terminal."""
    return _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def cell(value: object) -> object:
    """Keeps a spreadsheet from taking a text for a formula: a ``'`` goes before it.

    Args:
        value: What is to go into a CSV file.

    Returns:
        The value, a text that begins with one of ``= + - @`` after a ``'``.

    Source:
        OWASP, "CSV Injection".
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
