"""What a label set asks of its fields, and how names are compared."""

import operator
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np

from easyseg._types import plain
from easyseg.errors import InputError

MAX_CLASSES = 255
"""Ids are uint8, and one value is left for void."""

_NO_LETTERS = ("Cc", "Cs")
"""Categories of what a terminal takes for a command, and of what no file can hold."""

_SEPARATORS = re.compile(r"[\s_-]+")


def simplify(name: str) -> str:
    """Brings a name to the form in which names are compared.

    Args:
        name: Any text.

    Returns:
        The name in lower case, without blanks, hyphens and underscores.
    """
    return _SEPARATORS.sub("", name).casefold()


def as_index(what: object) -> int | None:
    """Turns an id into an int; None for what is no id, such as True or 1.0."""
    what = plain(what)
    if isinstance(what, bool):
        return None
    try:
        return operator.index(what)  # type: ignore[arg-type]
    except TypeError:
        return None


def check_texts(what: str, texts: Iterable[object]) -> None:
    """Raises InputError unless all are texts, not empty, of letters and single blanks only."""
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"{what} must be text (str), not {type(text).__name__} {text!r}")
        if not simplify(text) or " ".join(text.split()) != text:
            raise InputError(f"{what} must not be empty or hold stray blanks: {text!r}")
        if any(unicodedata.category(letter) in _NO_LETTERS for letter in text):
            raise InputError(f"{what} must not hold control characters: {text!r}")


def check_names(names: object) -> None:
    """Raises InputError unless `names` is a tuple of 1 to 255 names that differ."""
    checked = _checked_tuple("names", names)
    if not 1 <= len(checked) <= MAX_CLASSES:
        raise InputError(f"a label set has 1 to {MAX_CLASSES} classes, got {len(checked)} names")
    check_texts("names", checked)
    first: dict[str, str] = {}
    for name in checked:
        key = simplify(name)
        if key in first:
            raise InputError(
                f"two classes cannot be told apart by their names {first[key]!r} and {name!r}: "
                "case, blanks, hyphens and underscores do not count"
            )
        first[key] = name


def check_other_names(synonyms: object, short_names: object, count: int) -> None:
    """Raises InputError unless each of `count` classes has its synonyms and a short name."""
    for what, column in (("synonyms", synonyms), ("short_names", short_names)):
        entries = len(_checked_tuple(what, column))
        if entries != count:
            raise InputError(
                f"{what} must have an entry for each of the {count} classes, got {entries}"
            )
    for of_class in _checked_tuple("synonyms", synonyms):
        check_texts("synonyms", _checked_tuple("the synonyms of a class", of_class))
    check_texts("short_names", _checked_tuple("short_names", short_names))


def check_ids(background: object, void: object, count: int) -> None:
    """Raises InputError unless the background is a class or None, and void is none of them."""
    if background is not None and as_index(background) not in range(count):
        raise InputError(
            f"background must be an id from 0 to {count - 1}, or None, not {background!r}"
        )
    if as_index(void) not in range(count, 256):
        raise InputError(
            f"void must be a number from {count} (after the last class) to 255, not {void!r}"
        )


def check_palette(palette: object, count: int) -> None:
    """Raises InputError unless `palette` is a uint8 array of shape (count, 3)."""
    if not isinstance(palette, np.ndarray):
        raise InputError(f"palette must be a NumPy array, not {type(palette).__name__}")
    if palette.shape != (count, 3) or palette.dtype != np.uint8:
        raise InputError(
            f"palette must be uint8 of shape ({count}, 3), one RGB colour for each class; got "
            f"{palette.dtype} of shape {palette.shape}"
        )


def _checked_tuple(what: str, value: object) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise InputError(f"{what} must be a tuple, not {type(value).__name__} {value!r}")
    return value
