"""From options, which are stated in `easyseg.options`, to flags of the command line."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from easyseg.options import Field, fields
from easyseg.options.field import worded


def add_flags(
    parser: argparse.ArgumentParser, *kinds: Any, leave_out: Sequence[str] = (), **defaults: Any
) -> None:
    """Adds a flag for each option that has a line of help, in a group for each thing it is about.

    Args:
        parser: Where they are added; what is there already stays.
        *kinds: Functions or sets of options.
        leave_out: Names that get no flag.
        **defaults: Those of the command's own.
    """
    groups: dict[str, list[Field]] = {}
    known = {*leave_out, *(action.dest for action in parser._actions)}
    for kind in kinds:
        for one in fields(kind):
            if one.name not in known:
                known.add(one.name)
                groups.setdefault(one.group, []).append(one)
    titled = {group.title: group for group in parser._action_groups}
    for title, stated in groups.items():
        if any(one.help for one in stated):
            place = titled.get(title) or parser.add_argument_group(title)
            add_fields(place, stated, **defaults)


def add_fields(place: argparse._ActionsContainer, stated: Iterable[Field], **defaults: Any) -> None:
    """Adds the flags of some options to a parser or a group; those without help are left out."""
    for one in stated:
        if one.help:
            _add(place, one, defaults.get(one.name, one.default))


def chosen(options: argparse.Namespace, *kinds: Any) -> dict[str, Any]:
    """Gives what was chosen, with the defaults of the options that have no flag here."""
    return {one.name: one.default for kind in kinds for one in fields(kind)} | vars(options)


def given(options: argparse.Namespace, *kinds: Any) -> list[str]:
    """Lists the flags of some options that the user has written."""
    return [
        flag_of(one)
        for kind in kinds
        for one in fields(kind)
        if getattr(options, one.name, one.default) != one.default
    ]


def flag_of(one: Field, default: Any = None) -> str:
    """Names the flag that changes an option from its default."""
    name = one.option.flag or one.name.replace("_", "-")
    default = one.default if default is None else default
    return f"--no-{name}" if one.type is bool and default else f"--{name}"


def _add(place: argparse._ActionsContainer, one: Field, default: Any) -> None:
    text = one.help
    keywords: dict[str, Any] = {"metavar": one.unit}
    if one.type is bool:
        text = one.option.off if default else text
        keywords = {"action": "store_false" if default else "store_true"}
    elif one.kinds[:1] == (bool,) and one.choices:  # yes, no, or as a word says: not to be typed
        keywords = {"action": argparse.BooleanOptionalAction}
    elif _is_literal(one):
        keywords["choices"] = one.choices
    else:
        keywords["type"] = reader(one)
    if worded(one.type).startswith("ClassSelection"):
        keywords["action"] = "extend"
    if float in one.kinds and one.choices:  # a strength may be left out
        keywords |= {"nargs": "?", "const": one.choices[len(one.choices) // 2]}
    if one.type is not bool and default is not None and "default" not in text:
        text += f" (default {default:g})" if isinstance(default, float) else f" (default {default})"
    place.add_argument(
        flag_of(one, default), dest=one.name, default=default, help=text.replace("%", "%%"),
        **keywords,
    )  # fmt: skip


def _is_literal(one: Field) -> bool:
    return len(one.kinds) == 1 and bool(one.choices) and not one.option.synonyms


def reader(one: Field) -> Callable[[str], Any]:
    """Finds what makes a value of an option's text."""
    name = worded(one.type).partition(" ")[0]
    if name in _READERS:
        return _READERS[name]
    if float in one.kinds and (one.choices or one.option.low is not None):
        return lambda text: _number(text, one)
    if int in one.kinds and one.choices:
        return lambda text: _whole(text, one)
    return int if int in one.kinds else float if float in one.kinds else str


def _number(text: str, one: Field) -> float | str:
    """Reads `0.5`, where that is in the range, or one of some words."""
    if text in one.choices:
        return text
    low, high = one.option.low or 0.0, one.option.high or 1.0
    try:
        number = float(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        words = f", or {', '.join(one.choices)}" if one.choices else ""
        advice = " (files come first)" if one.choices else ""
        raise argparse.ArgumentTypeError(
            f"expected a number from {low:g} to {high:g}{words}, got {text!r}{advice}"
        )
    return number


def _whole(text: str, one: Field) -> int | str:
    """Reads `384`, or one of some words."""
    if text in one.choices:
        return text
    if not text.isdecimal():
        unit = f" of {one.unit.lower()}" if one.unit else ""
        words = ", ".join(one.choices)
        raise argparse.ArgumentTypeError(f"expected a number{unit}, or {words}, got {text!r}")
    return int(text)


def words(text: str) -> list[str]:
    """Takes `a, b` apart."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str, example: str) -> tuple[float, ...]:
    """Reads numbers between commas."""
    try:
        return tuple(float(word) for word in words(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected numbers such as {example}, got {text!r}"
        ) from error


def _classes(text: str) -> list[str | int]:
    """Reads `person,12`: names, and ids as numbers."""
    found = words(text)
    if not found:
        raise argparse.ArgumentTypeError("expected names of classes, such as person,dog")
    return [int(word) if word.isdecimal() else word for word in found]


def _color(text: str) -> tuple[int, ...]:
    """Reads `0,255,0`."""
    try:
        color = tuple(int(part) for part in text.split(","))
    except ValueError:
        color = ()
    if len(color) != 3 or not all(0 <= part <= 255 for part in color):
        raise argparse.ArgumentTypeError(f"expected red,green,blue, as 0,255,0, got {text!r}")
    return color


_READERS: dict[str, Callable[[str], Any]] = {
    "ClassSelection": _classes,
    "Color": _color,
    "Sequence[float]": lambda text: numbers(text, "0.75,1,1.25"),
}
