"""Gives a function that takes a set of options its full signature, documentation and defaults."""

import difflib
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, get_args

from easyseg.errors import InputError
from easyseg.options.field import Field, fields, read, with_defaults

P = ParamSpec("P")
R = TypeVar("R")
Kind = TypeVar("Kind", bound=type)

_WIDTH = 100
_AFTER = re.compile(r"^(Attributes|Returns|Yields|Raises):", re.M)


class UnknownOptionError(InputError, TypeError):
    """There is no option of this name."""


def documented(ends: str = "", /, **defaults: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Shows what `**options: Unpack[SomeOptions]` stands for, to people as to programs.

    `help()`, `inspect.signature` and Shift-Tab see each option with its type, default and
    documentation, as type checkers do by themselves; in a call, what is not given gets its default.
    Other parameters whose type is `Annotated` with a `Doc` are documented by that, too.

    Args:
        ends: Sections that close the docstring, where several functions have them in common.
        **defaults: Those of the function's own, where they are not the options' usual ones.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        stated = with_defaults(_options(function), defaults)
        usual = {one.name: one.default for one in stated}
        known = {*usual, *(p.name for p in kept)}

        @functools.wraps(function)
        def call(*args: P.args, **keywords: P.kwargs) -> R:
            if not keywords.keys() <= known:
                raise _unknown(function.__qualname__, keywords.keys() - known, known - {"self"})
            return function(*args, **{**usual, **keywords})

        entries = [*_entries(kept), *((one.name, one.doc) for one in stated)]
        parameters = [p.replace(annotation=read(p.annotation)[0]) for p in kept]
        call.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*parameters, *map(_parameter, stated)]
        )
        parts = filter(None, (inspect.cleandoc(function.__doc__ or ""), ends))
        call.__doc__ = with_arguments("\n\n".join(parts), entries)
        call.__options__ = stated  # type: ignore[attr-defined]
        return call

    return decorate


def documented_class(kind: Kind) -> Kind:
    """Writes the options of a class's `__init__` into the documentation of the class."""
    stated = fields(kind.__init__)  # type: ignore[misc]
    kind.__doc__ = with_arguments(kind.__doc__, [(one.name, one.doc) for one in stated])
    return kind


def with_arguments(text: str | None, entries: Iterable[tuple[str, str]]) -> str:
    """Adds entries to the section `Args:` of a docstring; makes one where there is none."""
    paragraphs = [
        textwrap.fill(f"{name}: {' '.join(doc.split())}", _WIDTH, initial_indent=" " * 4,
                      subsequent_indent=" " * 8, break_on_hyphens=False)
        for name, doc in entries
    ]  # fmt: skip
    added = "\n".join(paragraphs)
    before, after = inspect.cleandoc(text or ""), ""
    found = _AFTER.search(before)
    if found:
        before, after = before[: found.start()].rstrip(), f"\n\n{before[found.start() :]}"
    if not added:
        return before + after
    head = "" if re.search(r"^Args:", before, re.M) else "\n\nArgs:"
    return f"{before}{head}\n{added}{after}"


def _options(function: Callable[..., object]) -> tuple[Field, ...]:
    """The options of the set that a function's `**options` unpacks."""
    hint = getattr(function, "__annotations__", {}).get("options")
    return () if hint is None else fields(get_args(hint)[0])


def _entries(parameters: Iterable[inspect.Parameter]) -> list[tuple[str, str]]:
    documented_ones = ((p.name, read(p.annotation)[1]) for p in parameters)
    return [(name, doc) for name, doc in documented_ones if doc]


def _parameter(one: Field) -> inspect.Parameter:
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type
    )


def _unknown(function: str, names: Iterable[str], known: Iterable[str]) -> UnknownOptionError:
    name, known = min(names), sorted(known)
    near = difflib.get_close_matches(name, known, 1)
    advice = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
    return UnknownOptionError(f"{function}() has no option {name!r}: {advice}")
