"""From a Segmentation to what PixelLib returns, and from PixelLib's class ids to ours."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from easyseg._types import ClassLike, ClassSelection, Color, Image, Mask, plain
from easyseg.errors import InputError
from easyseg.labels import ADE20K, LabelSet
from easyseg.result import Segmentation


class SegValues(TypedDict):
    """PixelLib's values of a picture: in one order, the largest class first.

    `class_ids`: ids, from 0 (background) for PASCAL VOC and from 1 (wall) for ADE20K.
    `class_names`: names. `class_colors`: (red, green, blue), each 0 to 255. `masks`: (N, H, W) bool
    at the picture's own size. `ratios`: share of the picture in percent.
    """

    class_ids: list[int]
    class_names: list[str]
    class_colors: list[Color]
    masks: npt.NDArray[np.bool_]
    ratios: list[float]


class SegmentedObject(TypedDict):
    """All pixels of one class, as `extract_segmented_objects` lists them; see `SegValues`.

    `masks` is one mask, (H, W) bool.
    """

    class_id: int
    class_name: str
    class_color: Color
    masks: Mask
    ratio: float


class SemanticOutput(tuple[Any, ...]):
    """PixelLib's `(segvalues, picture)` or `(segvalues, objects, picture)`, and the result behind.

    Attributes:
        segmentation: The whole result. Its ids count from 0 and its pictures are RGB.
    """

    segmentation: Segmentation

    def __new__(cls, items: Iterable[Any], segmentation: Segmentation) -> "SemanticOutput":
        """Makes the tuple of `items`."""
        output = super().__new__(cls, items)
        output.segmentation = segmentation
        return output

    def __getnewargs__(self) -> tuple[Any, ...]:  # for pickle and copy
        return tuple(self), self.segmentation


@dataclass(frozen=True)
class Drawing:
    """What the returned picture shows.

    Attributes:
        overlay: Whether the classes are drawn over the photograph, rather than alone.
        alpha: Share of the class colour in the overlay, 0 to 1.
        legend: Whether the overlay lists the classes.
        outline: Whether the overlay has a thin line around each area.
    """

    overlay: bool
    alpha: float
    legend: bool
    outline: bool

    def __call__(self, result: Segmentation) -> Image:
        """Draws a new RGB uint8 (H, W, 3) picture.

        Raises:
            InputError: If `alpha` is out of range.
        """
        if not self.overlay:
            return result.colorize()
        return result.overlay(alpha=self.alpha, legend=self.legend, outline=self.outline)


def first_id(label_set: LabelSet) -> int:
    """Gives PixelLib's id of the class that has the id 0 here: 1 for ADE20K."""
    return 1 if label_set == ADE20K else 0


def inner_classes(classes: ClassSelection | None, label_set: LabelSet) -> tuple[int, ...] | None:
    """Turns classes as PixelLib counts them into ids of the label set.

    Args:
        classes: A class or several, by name or by PixelLib's id; None is all.
        label_set: Where they are looked up.

    Returns:
        Ids that count from 0; None for all.

    Raises:
        InputError: If there is no such class.
    """
    if classes is None:
        return None
    classes = plain(classes)
    if isinstance(classes, Iterable) and not isinstance(classes, (str, bytes, bytearray)):
        return label_set.select([_inner_class(one, label_set) for one in classes])
    return label_set.select(_inner_class(classes, label_set))  # type: ignore[arg-type]


def _inner_class(what: ClassLike, label_set: LabelSet) -> ClassLike:
    what = plain(what)
    if isinstance(what, bool):
        return what  # for the label set to refuse
    try:
        class_id = operator.index(what)  # type: ignore[arg-type]
    except TypeError:
        return what
    first = first_id(label_set)
    last = first + len(label_set) - 1
    if not first <= class_id <= last:
        raise InputError(
            f"{label_set.title} has the class ids {first} ({label_set.names[0]}) to {last} "
            f"({label_set.names[-1]}) here, as in PixelLib; got {class_id}"
        )
    return class_id - first


def pack(
    result: Segmentation, picture: Image, *, long_names: bool = False, extract: bool = False
) -> SemanticOutput:
    """Makes PixelLib's tuple.

    Args:
        result: What was found.
        picture: What is returned as the picture, BGR uint8 (H, W, 3).
        long_names: Whether to give full names rather than PixelLib's single words.
        extract: Whether to put the list of objects between the values and the picture.

    Returns:
        `(segvalues, picture)`, or `(segvalues, objects, picture)`.
    """
    label_set, areas = result.label_set, result.classes
    names = label_set.names if long_names else label_set.short_names
    values = SegValues(
        class_ids=[area.id + first_id(label_set) for area in areas],
        class_names=[names[area.id] for area in areas],
        class_colors=[area.color for area in areas],
        masks=result.masks,
        ratios=[100 * area.ratio for area in areas],
    )
    if not extract:
        return SemanticOutput((values, picture), result)
    return SemanticOutput((values, _objects(values), picture), result)


def _objects(values: SegValues) -> list[SegmentedObject]:
    return [
        SegmentedObject(
            class_id=class_id, class_name=name, class_color=color, masks=mask, ratio=ratio
        )
        for class_id, name, color, mask, ratio in zip(
            values["class_ids"],
            values["class_names"],
            values["class_colors"],
            values["masks"],
            values["ratios"],
            strict=True,
        )
    ]
