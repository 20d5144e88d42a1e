"""What is known of an option, and how it is read from where it is stated."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Any, ForwardRef, Literal, TypeVar, Union, cast, get_args, get_origin

from typing_extensions import Doc

Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Option:
    """What an option's line in a `TypedDict` says beside its type and its `Doc`.

    Attributes:
        line: One line for the command line and for forms; without it, the option is for programs
            alone.
        default: What it is where nothing is said.
        unit: What the value counts, in capitals, such as `"PIXELS"`.
        low: Smallest number.
        high: Largest number.
        off: What `--no-NAME` does, for what is on by default.
        flag: Its name on the command line, where that is another one.
        synonyms: Whether other words than those of the type are taken, too, at run time.
        decides: Whether the result depends on it, so that a job begun with another value is another
            job.
        contents: Whether a file given for it counts by what is in it, rather than by its name.
    """

    line: str = ""
    default: Any = None
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    off: str = ""
    flag: str = ""
    synonyms: bool = False
    decides: bool = True
    contents: bool = False


@dataclass(frozen=True)
class Field:
    """One option of a function, as a form, a parser or a page of documentation needs it.

    Attributes:
        name: The keyword in Python.
        type: Its type; a text where the type's module is not loaded yet.
        doc: A paragraph.
        option: The rest that was stated.
        group: What it is about, in a few words.
    """

    name: str
    type: Any
    doc: str
    option: Option
    group: str

    @property
    def default(self) -> Any:
        """What it is where nothing is said."""
        return self.option.default

    @property
    def unit(self) -> str | None:
        """What the value counts."""
        return self.option.unit

    @property
    def help(self) -> str:
        """One line."""
        return self.option.line

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types that a value may have, None left out."""
        is_union = get_origin(self.type) in (Union, UnionType)
        kinds = get_args(self.type) if is_union else (self.type,)
        return tuple(kind for kind in kinds if kind is not NoneType)

    @property
    def choices(self) -> tuple[Any, ...]:
        """The words that a value may be; empty where it may be anything of its type."""
        literals = (kind for kind in self.kinds if get_origin(kind) is Literal)
        return tuple(word for literal in literals for word in get_args(literal))

    def to_dict(self) -> dict[str, Any]:
        """Describes a field of a form in plain Python types, ready for JSON."""
        option = self.option
        return {
            "name": self.name, "type": worded(self.type), "choices": list(self.choices),
            "default": option.default, "unit": option.unit, "minimum": option.low,
            "maximum": option.high, "help": option.line, "doc": self.doc, "group": self.group,
        }  # fmt: skip


def worded(kind: Any) -> str:
    """Writes a type as its author did."""
    if isinstance(kind, (str, ForwardRef)):
        return kind if isinstance(kind, str) else kind.__forward_arg__
    if isinstance(kind, type):
        return kind.__name__
    return str(kind).replace("typing.", "").replace("typing_extensions.", "")


def fields(what: Callable[..., object]) -> tuple[Field, ...]:
    """Lists options in the order in which they are stated.

    Args:
        what: A public function, such as `easyseg.segment_video`, whose own defaults are given; or
            a set of options, such as `easyseg.options.DrawingOptions`.

    Returns:
        One for each option; none where the function has none of this kind.
    """
    stated: tuple[Field, ...] | None = getattr(what, "__options__", None)
    if stated is not None:
        return stated
    return tuple(_stated(what)) if hasattr(what, "__total__") else ()


def with_defaults(stated: tuple[Field, ...], defaults: Mapping[str, Any]) -> tuple[Field, ...]:
    """Gives the same fields, some of them with another default."""
    return tuple(
        replace(one, option=replace(one.option, default=defaults[one.name]))
        if one.name in defaults
        else one
        for one in stated
    )


def _stated(kind: Any) -> Iterator[Field]:
    known: set[str] = set()
    for base in getattr(kind, "__orig_bases__", ()):
        if hasattr(base, "__total__"):
            for one in _stated(base):
                known.add(one.name)
                yield one
    group = (kind.__doc__ or "").partition("\n")[0].rstrip(".")
    for name, hint in kind.__annotations__.items():
        if name not in known:
            bare, doc, option = read(hint)
            yield Field(name, bare, doc, option or Option(), group)


def read(hint: Any) -> tuple[Any, str, Option | None]:
    """Takes an `Annotated` type apart: the type, its paragraph, and the rest."""
    notes = getattr(hint, "__metadata__", ())
    bare = hint.__origin__ if notes else hint
    doc = next((note.documentation for note in notes if isinstance(note, Doc)), "")
    option = next((note for note in notes if isinstance(note, Option)), None)
    return bare.__forward_arg__ if isinstance(bare, ForwardRef) else bare, doc, option


def pick(kind: type[Chosen], options: Mapping[str, Any]) -> Chosen:
    """Takes the options of one set out of more.

    Args:
        kind: A set of options.
        options: Values by name, at least those of the set.
    """
    return cast(Chosen, {one.name: options[one.name] for one in fields(kind)})
