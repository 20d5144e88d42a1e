"""The classes that a model knows: their names, their colours, and how to find one."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from easyseg._types import AnyArray, ClassLike, ClassSelection, Color
from easyseg.errors import InputError
from easyseg.labels._check import (
    MAX_CLASSES,
    as_index,
    check_ids,
    check_names,
    check_other_names,
    check_palette,
    check_texts,
    simplify,
)

Row: TypeAlias = tuple[tuple[str, ...], str, Color]
"""One class of a data table: its name followed by its synonyms, its short name, its colour."""

_LISTING = "All classes are in the `names` of the label set."


@dataclass(frozen=True, eq=False, repr=False)
class LabelSet:
    """The classes of a data set, in the order of their ids.

    A value: two sets with equal fields are equal, hash alike, and survive pickling.

    Attributes:
        name: Short name for programs, such as `"voc"`.
        title: The name people write, such as `"PASCAL VOC"`.
        names: Full name of each class; the id of a class is its place here, from 0.
        palette: (len, 3) uint8 RGB, the colour of each class; read-only. Two classes may share one.
        synonyms: Other names of each class, for `find`. One that belongs to several classes means
            the class with the lowest id (ADE20K's ids go from the most to the least frequent).
        short_names: Names of one word, those that PixelLib gives.
        background: Id of the class that stands for "nothing", or None where there is none.
        void: Value in a label map of pixels that have no class.

    Raises:
        InputError: If the fields do not fit together: a stray blank, an empty or repeated name, a
            wrong count, a palette of another shape or type, an id out of range.
    """

    name: str
    title: str
    names: tuple[str, ...]
    palette: npt.NDArray[np.uint8]
    synonyms: tuple[tuple[str, ...], ...]
    short_names: tuple[str, ...]
    background: int | None = None
    void: int = 255

    def __post_init__(self) -> None:
        check_texts("name and title", (self.name, self.title))
        check_names(self.names)
        check_other_names(self.synonyms, self.short_names, len(self.names))
        check_ids(self.background, self.void, len(self.names))
        check_palette(self.palette, len(self.names))
        palette = self.palette.copy()
        palette.setflags(write=False)
        object.__setattr__(self, "palette", palette)

    @classmethod
    def from_names(
        cls,
        name: str,
        names: Iterable[str],
        palette: npt.ArrayLike | None = None,
        *,
        title: str | None = None,
        background: int | None = None,
    ) -> "LabelSet":
        """Makes a set for a model of your own.

        Args:
            name: Short name of the set.
            names: Name of each class, in the order of the ids.
            palette: (len, 3) RGB, whole numbers 0 to 255. None gives every class a colour of its
                own, those of `voc_colormap`, and keeps black for the background.
            title: The name people write; None is `name`.
            background: Id of the class that stands for "nothing".

        Returns:
            A set without synonyms.

        Raises:
            InputError: As for the class.
        """
        if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
            raise InputError(f"names must be several names, such as a list of str, not {names!r}")
        checked = tuple(names)
        check_names(checked)
        colors = _own_colors(len(checked), background) if palette is None else _as_palette(palette)
        return cls(
            name=name,
            title=name if title is None else title,
            names=checked,
            palette=colors,
            synonyms=((),) * len(checked),
            short_names=checked,
            background=background,
        )

    @classmethod
    def from_rows(
        cls, name: str, title: str, rows: Sequence[Row], *, background: int | None = None
    ) -> "LabelSet":
        """Makes a set from a table with a row for each class.

        Args:
            name: Short name of the set.
            title: The name people write.
            rows: `((name, *synonyms), short name, colour)` of each class, in the order of the ids.
            background: Id of the class that stands for "nothing".

        Returns:
            The set.

        Raises:
            InputError: As for the class.
        """
        return cls(
            name=name,
            title=title,
            names=tuple(spellings[0] for spellings, _, _ in rows),
            palette=_as_palette([color for _, _, color in rows]),
            synonyms=tuple(spellings[1:] for spellings, _, _ in rows),
            short_names=tuple(short for _, short, _ in rows),
            background=background,
        )

    def find(self, what: ClassLike) -> int:
        """Finds a class.

        Case, surrounding blanks, and blanks, hyphens and underscores inside do not matter:
        "Dining-Table" is "diningtable". A full name is preferred to a synonym, and a synonym to a
        short name.

        Args:
            what: Id (any integer, NumPy's too), full name, synonym or short name.

        Returns:
            Id of the class.

        Raises:
            InputError: If there is no such class; the message names those that look alike.
        """
        if isinstance(what, str):
            found = self._spellings.get(simplify(what))
            if found is None:
                raise InputError(self._unknown(what))
            return found[0]
        class_id = as_index(what)
        if class_id is None:
            raise InputError(
                f"a class is given by its id (int) or its name (str), not {type(what).__name__} "
                f"{what!r}"
            )
        if not 0 <= class_id < len(self):
            remark = ", which is void: no class" if class_id == self.void else ""
            raise InputError(
                f"{self.title} has the class ids 0 to {len(self) - 1}, not {class_id}{remark}. "
                f"{_LISTING}"
            )
        return class_id

    def select(self, what: ClassSelection) -> tuple[int, ...]:
        """Finds one class or several.

        Args:
            what: A class as `find` takes it (a str is ONE name), or any iterable of them.

        Returns:
            Ids without repetition, in the order given.

        Raises:
            InputError: If one is unknown, or there is none at all.
        """
        if isinstance(what, str) or as_index(what) is not None:
            return (self.find(what),)  # type: ignore[arg-type]
        # bytes would pass as a row of ids.
        if isinstance(what, (bytes, bytearray)) or not isinstance(what, Iterable):
            raise InputError(
                "classes are given by id or name, or several of them in a list, not "
                f"{type(what).__name__} {what!r}"
            )
        ids = tuple(dict.fromkeys(self.find(one) for one in what))
        if not ids:
            raise InputError(f"the selection of classes is empty: name at least one. {_LISTING}")
        return ids

    def color(self, class_id: int) -> Color:
        """Gives the colour of a class.

        Args:
            class_id: Id of the class.

        Returns:
            Red, green, blue, each 0 to 255.

        Raises:
            InputError: If there is no such class; void has no colour.
        """
        red, green, blue = self.palette[self.find(class_id)].tolist()
        return red, green, blue

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, what: object) -> bool:
        if isinstance(what, str):
            return simplify(what) in self._spellings
        class_id = as_index(what)
        return class_id is not None and 0 <= class_id < len(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelSet):
            return NotImplemented
        # The shape of the palette follows from the names.
        return self._others == other._others and self.palette.tobytes() == other.palette.tobytes()

    def __hash__(self) -> int:
        return hash((self.name, self.names))

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor, because NumPy forgets on the way that an array is read-only.
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:3])
        rest = ", ..." if len(self) > 3 else ""
        return f"LabelSet({self.name!r}, {len(self)} classes: {shown}{rest})"

    @property
    def _others(self) -> tuple[object, ...]:
        """All fields but the palette."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "palette")

    @cached_property
    def _spellings(self) -> dict[str, tuple[int, str]]:
        """Id and spelling of every name, by its simplified form; the first to come has it."""
        found: dict[str, tuple[int, str]] = {}
        full = [(name,) for name in self.names]
        short = [(name,) for name in self.short_names]
        for spellings_of_classes in (full, self.synonyms, short):
            for class_id, spellings in enumerate(spellings_of_classes):
                for spelling in spellings:
                    found.setdefault(simplify(spelling), (class_id, spelling))
        return found

    def _unknown(self, what: str) -> str:
        """Words the message for a name that is not known."""
        hint = ""
        if "," in what:
            hint = " Several classes are given as a list of names."
        elif what.strip().isdecimal():
            hint = " An id is given as a number, not as text."
        elif near := self._near(what):
            hint = f" Did you mean {' or '.join(near)}?"
        return f"{self.title} has no class named {what!r}.{hint} {_LISTING}"

    def _near(self, what: str) -> list[str]:
        """Words up to three classes that have a name like this one, the likest first."""
        shown: dict[int, str] = {}
        for key in difflib.get_close_matches(simplify(what), self._spellings, n=9, cutoff=0.7):
            class_id, spelling = self._spellings[key]
            name = self.names[class_id]
            text = repr(name) if spelling == name else f"{spelling!r} (class {name!r})"
            shown.setdefault(class_id, text)
        return list(shown.values())[:3]


def voc_colormap(count: int) -> npt.NDArray[np.uint8]:
    """Makes the colours of the PASCAL VOC development kit.

    The bits of the index are dealt to red, green and blue in turn, the highest bits of a colour
    first, which keeps neighbouring indices far apart.

    Args:
        count: Number of colours, at most 256.

    Returns:
        (count, 3) uint8 RGB, all different; the first is black.
    """
    index = np.arange(count)[:, np.newaxis]
    channel = np.arange(3)
    colors = np.zeros((count, 3), np.int64)
    for triple in range(8):
        colors |= (index >> (3 * triple + channel) & 1) << (7 - triple)
    return colors.astype(np.uint8)


def _own_colors(count: int, background: int | None) -> npt.NDArray[np.uint8]:
    colors = voc_colormap(count + 1)
    check_ids(background, MAX_CLASSES, count)
    if background is None:
        return colors[1:]
    return np.insert(colors[1:count], background, colors[0], axis=0)


def _as_palette(palette: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Turns numbers 0 to 255 into uint8; what is no such thing is refused."""
    try:
        array: AnyArray = np.asarray(palette)
    except ValueError as error:  # rows of different length
        raise InputError(f"palette must be (len, 3) numbers 0 to 255: {error}") from error
    if array.dtype.kind not in "ui" or (array.size and not 0 <= array.min() <= array.max() <= 255):
        raise InputError(
            "palette must hold whole numbers from 0 to 255; got "
            f"{array.dtype} of shape {array.shape}"
        )
    return array.astype(np.uint8)
