"""What every layout of labelled data becomes: a sequence that reads its items when asked."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from easyseg._types import Image, LabelMap
from easyseg.errors import InputError
from easyseg.labels import LabelSet

VOID = 255
"""Id of the pixels that have no class."""


class Sample(NamedTuple):
    """A photograph with its labels.

    Attributes:
        name: Unique in its data set, mostly the file name without extension.
        image: RGB uint8 (H, W, 3).
        labels: Class ids, uint8 (H, W); 255 is void.
    """

    name: str
    image: Image
    labels: LabelMap


@dataclass(frozen=True)
class Item:
    """How to read one photograph and its labels.

    Attributes:
        name: As in `Sample`.
        image: Reads the photograph, RGB uint8 (H, W, 3).
        labels: Reads the class ids, uint8 (H, W).
    """

    name: str
    image: Callable[[], Image]
    labels: Callable[[], LabelMap]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled photographs; nothing is decoded before it is asked for.

    Safe to read from several threads.

    Attributes:
        layout: The layout that was found, in words for people.
        items: One for each photograph, in the order of their names or of the official list.
        label_set: The classes; None where they are not known, and ids are not checked then.
        split: Which part this is, `"train"` or `"val"`; None where the layout has no parts.
    """

    layout: str
    items: tuple[Item, ...]
    label_set: LabelSet | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if not self.items:
            raise InputError(f"there is no photograph in this {self.layout}")

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each sample."""
        return tuple(item.name for item in self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        """Reads a sample.

        Raises:
            InputError: If photograph and labels differ in size, or an id is out of range.
            MediaError: If a file cannot be read.
        """
        image, labels = self.image(index), self.labels(index)
        if image.shape[:2] != labels.shape:
            raise InputError(
                f"{self.items[index].name!r}: the photograph is {image.shape[0]}x{image.shape[1]} "
                f"(height x width) and its mask {labels.shape[0]}x{labels.shape[1]}. They must be "
                "equal; a photograph that its EXIF data turn upright needs an upright mask"
            )
        return Sample(self.items[index].name, image, labels)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def image(self, index: int) -> Image:
        """Reads a photograph alone, RGB uint8 (H, W, 3).

        Raises:
            MediaError: If it cannot be read.
        """
        return self.items[index].image()

    def labels(self, index: int) -> LabelMap:
        """Reads the class ids alone, uint8 (H, W).

        Raises:
            InputError: If an id is neither a class nor void.
            MediaError: If the mask cannot be read.
        """
        item = self.items[index]
        labels = item.labels()
        if self.label_set is not None:
            check_ids(labels, self.label_set, item.name)
        return labels

    def subset(self, indices: Iterable[int]) -> "Dataset":
        """Picks some samples.

        Args:
            indices: Their places, in the order wanted.

        Returns:
            A data set of these alone.

        Raises:
            InputError: If there is none.
        """
        return replace(self, items=tuple(self.items[index] for index in indices))

    def __repr__(self) -> str:
        classes = "unknown classes" if self.label_set is None else repr(self.label_set.title)
        return f"Dataset({self.layout}, {len(self)} photographs, {classes})"


def check_ids(labels: LabelMap, label_set: LabelSet, name: str) -> None:
    """Raises InputError unless every id is a class or void.

    Args:
        labels: uint8 (H, W).
        label_set: The classes.
        name: What the labels are called in the message.
    """
    counts = np.bincount(labels.ravel(), minlength=256)
    counts[label_set.void] = 0
    strange = np.flatnonzero(counts[len(label_set) :]) + len(label_set)
    if strange.size:
        raise InputError(
            f"the mask of {name!r} holds the ids {strange[:5].tolist()}, and {label_set.title} has "
            f"the classes 0 to {len(label_set) - 1}, and {label_set.void} for void. Give the "
            "classes that these masks were made for, or the data set whose numbering they use"
        )


def unique_names(names: Iterable[str], what: str) -> None:
    """Raises InputError when a name occurs twice.

    Args:
        names: The names.
        what: Where they come from, for the message.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                f"{what} holds two files named {name!r} that differ only in their extension: keep "
                "one of them"
            )
        seen.add(name)
