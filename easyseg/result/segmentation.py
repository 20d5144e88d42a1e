"""What comes out of a segmentation: the label map of one picture, and everything to ask it."""

import importlib
import os
import sys
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from easyseg import render
from easyseg._types import (
    AnyArray,
    ClassSelection,
    Color,
    FloatMap,
    Image,
    LabelMap,
    Mask,
    PathLike,
)
from easyseg.displays.notebook import in_notebook
from easyseg.drawing import draw
from easyseg.errors import InputError, MediaError
from easyseg.export.methods import ExportMethods
from easyseg.labels import LabelSet
from easyseg.pictures.image import encode, resize, write
from easyseg.render.check import check_image
from easyseg.result.foreground import ForegroundMethods
from easyseg.transforms import ClassScores

_NOTEBOOK_WIDTH = 1000
_CLASSES_IN_REPR = 5

ArrayT = TypeVar("ArrayT", bound=AnyArray)


@dataclass(frozen=True)
class ClassArea:
    """How much of a picture one class covers.

    Attributes:
        id: The class's id in its label set.
        name: Its full name.
        color: Its palette colour, RGB, 0 to 255 each.
        pixels: Number of its pixels.
        ratio: Its share of all pixels of the picture, 0 to 1.
    """

    id: int
    name: str
    color: Color
    pixels: int
    ratio: float


def class_areas(counts: npt.NDArray[np.int64], label_set: LabelSet) -> tuple[ClassArea, ...]:
    """Make a list of the classes of pixel counts, largest first, equal ones by id.

    Args:
        counts: Pixels of each of the 256 possible labels, as `draw.count` gives them.
        label_set: What the ids mean.
    """
    total = int(counts.sum())
    present = np.flatnonzero(counts[: len(label_set)]).tolist()
    return tuple(
        ClassArea(
            id=i,
            name=label_set.names[i],
            color=label_set.color(i),
            pixels=int(counts[i]),
            ratio=float(counts[i] / total),
        )
        for i in sorted(present, key=lambda i: (-counts[i], i))
    )


def facts_of(
    shape: tuple[int, int],
    label_set: LabelSet,
    classes: Sequence[ClassArea],
    *,
    model: str,
    source: str | None,
    timing: Mapping[str, float],
) -> dict[str, Any]:
    """Sum a segmented picture up in plain Python types, ready for JSON."""
    return {
        "model": model,
        "dataset": label_set.name,
        "source": source,
        "size": {"width": shape[1], "height": shape[0]},
        "classes": [{**vars(area), "color": list(area.color)} for area in classes],
        "timing": {stage: float(seconds) for stage, seconds in timing.items()},
    }


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(ForegroundMethods, ExportMethods):
    """A class for every pixel of one picture.

    The arrays are kept as read-only views, without a copy.

    Attributes:
        labels: (H, W) uint8 class ids; ``label_set.void`` marks pixels without a class.
        label_set: What the ids mean.
        image: The picture, RGB uint8 (H, W, 3).
        model: Name of the weights that made the labels.
        timing: Seconds spent in each stage, by its name; read-only.
        source: Where the picture came from: a path or URL, or None.
        confidence_map: (H, W) float32, the probability of each pixel's class, 0 to 1; None when it
            was not asked for.
        scores: What the network said of every class, for soft edges; None where it is not known.

    Raises:
        InputError: The arrays have another type or shape, or an id is not in the label set.
    """

    labels: LabelMap
    label_set: LabelSet
    image: Image
    model: str
    timing: Mapping[str, float]
    source: str | None = None
    confidence_map: FloatMap | None = None
    scores: ClassScores | None = None

    def __post_init__(self) -> None:
        check_image(self.image, self.labels)
        _check_ids(self.labels, self.label_set)
        keep = object.__setattr__  # the dataclass is frozen
        keep(self, "labels", _read_only(self.labels))
        keep(self, "image", _read_only(self.image))
        keep(self, "timing", MappingProxyType(dict(self.timing)))
        if self.confidence_map is not None:
            _check_confidence(self.confidence_map, self.shape)
            keep(self, "confidence_map", _read_only(self.confidence_map))
        if self.scores is not None and self.scores.geometry.original != self.shape:
            raise InputError(
                f"scores must be of a picture of (height, width) {self.shape}, "
                f"got {self.scores.geometry.original}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        height, width = self.labels.shape
        return height, width

    @cached_property
    def classes(self) -> tuple[ClassArea, ...]:
        """The classes that occur, largest first, equal ones by id; void is left out."""
        return class_areas(draw.count(self.labels), self.label_set)

    @property
    def ratios(self) -> dict[str, float]:
        """Share of all pixels, 0 to 1, of each class that occurs, by its name, largest first."""
        return {area.name: area.ratio for area in self.classes}

    @property
    def masks(self) -> npt.NDArray[np.bool_]:
        """A mask for each of `classes`, in their order: (N, H, W) bool, made anew each time."""
        masks = np.empty((len(self.classes), *self.shape), np.bool_)
        for mask, area in zip(masks, self.classes, strict=True):
            np.equal(self.labels, area.id, out=mask)
        return masks

    @property
    def confidence(self) -> FloatMap:
        """Probability of each pixel's class: (H, W) float32, 0 to 1.

        Raises:
            InputError: It was not asked for when the picture was segmented.
        """
        if self.confidence_map is None:
            raise InputError(
                "this segmentation has no confidence: segment again with confidence=True"
            )
        return self.confidence_map

    def mask(self, what: ClassSelection) -> Mask:
        """Find the pixels of one class or of any of several.

        Args:
            what: A class by id or name, or several of them.

        Returns:
            A new (H, W) bool array, all False for a class that does not occur.

        Raises:
            InputError: The label set has no such class.
        """
        return draw.select(self.labels, self.label_set.select(what))

    def only(self, what: ClassSelection) -> "Segmentation":
        """Keep one class or several and make all other pixels void.

        Raises:
            InputError: The label set has no such class.
        """
        table = np.full(256, self.label_set.void, np.uint8)
        kept = list(self.label_set.select(what))
        table[kept] = kept
        return self._relabelled(table, kept)

    def without(self, what: ClassSelection) -> "Segmentation":
        """Make the pixels of one class or several void and keep all others.

        Raises:
            InputError: The label set has no such class.
        """
        table = np.arange(256, dtype=np.uint8)
        dropped = self.label_set.select(what)
        table[list(dropped)] = self.label_set.void
        return self._relabelled(table, sorted(set(range(len(self.label_set))) - set(dropped)))

    def overlay(
        self,
        *,
        alpha: float = 0.6,
        classes: ClassSelection | None = None,
        outline: bool = True,
        legend: bool = True,
    ) -> Image:
        """Draw the classes as translucent areas over the picture.

        The background, void and classes left out stay as they are in the picture.

        Args:
            alpha: Share of the class colour in the blend: 0 shows the picture, 1 hides it.
            classes: Draw only these, by id or name; None draws all but the background.
            outline: Whether to draw a thin line along the borders of the drawn classes.
            legend: Whether to list the drawn classes with their share of the picture in a corner.

        Returns:
            A new RGB uint8 (H, W, 3) image.

        Raises:
            InputError: ``alpha`` is not in 0..1, or a class is not known.
        """
        return render.overlay(
            self.image,
            self.labels,
            self.label_set,
            alpha=alpha,
            classes=classes,
            outline=outline,
            legend=legend,
        )

    def colorize(self) -> Image:
        """Paint every pixel in its class's palette colour, void in black.

        Returns:
            A new RGB uint8 (H, W, 3) image.
        """
        return render.colorize(self.labels, self.label_set)

    def save(
        self,
        path: PathLike,
        *,
        alpha: float = 0.6,
        classes: ClassSelection | None = None,
        outline: bool = True,
        legend: bool = True,
        quality: int | None = None,
    ) -> Path:
        """Write the overlay to a picture file.

        Args:
            path: The file; its extension chooses the format.
            alpha: As for `overlay`.
            classes: As for `overlay`.
            outline: As for `overlay`.
            legend: As for `overlay`.
            quality: Of a lossy format, 0 to 100; None takes the format's usual one.

        Returns:
            The path of the written file.

        Raises:
            InputError: An option is wrong.
            MediaError: The file cannot be written.
        """
        image = self.overlay(alpha=alpha, classes=classes, outline=outline, legend=legend)
        return write(path, image, quality=quality)

    def show(self) -> None:
        """Show the overlay: in the notebook, or else in the system's picture viewer.

        For the viewer a PNG is written to the folder for temporary files, and stays there.

        Raises:
            MediaError: There is no viewer, as on a server.
        """
        if in_notebook():
            importlib.import_module("IPython.display").display(self)
            return
        handle, path = tempfile.mkstemp(prefix="easyseg-", suffix=".png")
        os.close(handle)
        _open_in_viewer(write(path, self.overlay()))

    def to_dict(self) -> dict[str, Any]:
        """Sum the result up in plain Python types, ready for JSON, without the arrays."""
        return facts_of(
            self.shape, self.label_set, self.classes,
            model=self.model, source=self.source, timing=self.timing,
        )  # fmt: skip

    def _relabelled(self, table: AnyArray, kept: Sequence[int]) -> "Segmentation":
        """Give every label its entry of the table, and keep what is known of some classes."""
        scores = None if self.scores is None else self.scores.only(kept)
        return replace(self, labels=draw.relabel(self.labels, table), scores=scores)

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: a pickle forgets that arrays are read-only.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["timing"] = dict(self.timing)
        return type(self), tuple(values.values())

    def __repr__(self) -> str:
        height, width = self.shape
        # What is in the picture comes before what is behind it.
        areas = sorted(self.classes, key=lambda area: area.id == self.label_set.background)
        shown = [f"{area.name} {100 * area.ratio:.1f} %" for area in areas[:_CLASSES_IN_REPR]]
        if len(areas) > _CLASSES_IN_REPR:
            shown.append(f"{len(areas) - _CLASSES_IN_REPR} more")
        parts = [f"{width}x{height}", self.label_set.name, f"model={self.model!r}", *shown]
        return f"Segmentation({', '.join(parts)})"

    def _repr_png_(self) -> bytes:
        image = self.overlay()
        height, width = self.shape
        if width > _NOTEBOOK_WIDTH:
            size = (max(1, round(height * _NOTEBOOK_WIDTH / width)), _NOTEBOOK_WIDTH)
            image = resize(image, size, "area")
        return encode(image, ".png")


def _read_only(array: ArrayT) -> ArrayT:
    view = array.view()
    view.flags.writeable = False
    return view


def _check_ids(labels: LabelMap, label_set: LabelSet) -> None:
    if labels.max() < len(label_set):  # the usual case, and a quick test
        return
    unknown = [i for i in np.unique(labels).tolist() if i >= len(label_set) and i != label_set.void]
    if unknown:
        raise InputError(
            f"labels must hold ids 0 to {len(label_set) - 1} of {label_set.title}, or "
            f"{label_set.void} for void; got also {', '.join(map(str, unknown))}"
        )


def _check_confidence(confidence: FloatMap, shape: tuple[int, int]) -> None:
    if not isinstance(confidence, np.ndarray):
        raise InputError(f"confidence_map must be a NumPy array, got {type(confidence).__name__}")
    if confidence.dtype != np.float32 or confidence.shape != shape:
        raise InputError(
            f"confidence_map must be float32 of shape {shape}, "
            f"got {confidence.dtype} of shape {confidence.shape}"
        )


def _open_in_viewer(path: Path) -> None:
    if sys.platform == "win32":
        os.startfile(path)
    elif not webbrowser.open(path.resolve().as_uri()):
        raise MediaError(
            f"no program to show pictures was found; the overlay is in {path}. "
            "Use save(path) to choose the file"
        )
