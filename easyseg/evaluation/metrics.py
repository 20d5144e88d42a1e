"""How good a segmentation is: scores computed exactly, from counts of pixels."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from easyseg._types import AnyArray, plain
from easyseg.errors import InputError
from easyseg.labels import LabelSet

Counts: TypeAlias = npt.NDArray[np.int64]
Ratios: TypeAlias = npt.NDArray[np.float64]


def confusion_matrix(
    truth: AnyArray, predicted: AnyArray, num_classes: int, *, ignore: int | None = 255
) -> Counts:
    """Counts the pixels of every pair of true and predicted class.

    Args:
        truth: True class ids, any integer type, any shape.
        predicted: Predicted class ids, any integer type, the shape of `truth`.
        num_classes: Number of classes, C.
        ignore: Value in `truth` of the pixels that do not count, whatever was predicted there.
            None counts every pixel.

    Returns:
        int64 (C, C): row is the true class, column the predicted one.

    Raises:
        InputError: If the arrays are not integers of one shape, or a pixel that counts has an id
            outside 0 to C - 1.
    """
    num_classes = plain(num_classes)
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise InputError(f"num_classes must be a whole number from 1, not {num_classes!r}")
    _check_ids("truth", truth)
    _check_ids("predicted", predicted)
    if truth.shape != predicted.shape:
        raise InputError(
            "truth and predicted must have the same shape, got "
            f"{truth.shape} and {predicted.shape}: compare them at the size of the truth"
        )
    if ignore is not None:
        counts = truth != ignore
        truth, predicted = truth[counts], predicted[counts]
    _check_range("truth", truth, num_classes, ignore)
    _check_range("predicted", predicted, num_classes, ignore)
    pairs = truth.astype(np.int64).ravel() * num_classes + predicted.ravel().astype(np.int64)
    matrix = np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
    return matrix.astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False)
class Scores:
    """The usual scores of semantic segmentation, all from one confusion matrix.

    Attributes:
        confusion: int64 (C, C): pixels by true class (row) and predicted class (column).
        names: Name of each class; empty where the classes have none.

    Raises:
        InputError: If `confusion` is not square, not integer, or negative, or the number of names
            is another one.
    """

    confusion: Counts
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_ids("confusion", self.confusion)
        shape = self.confusion.shape
        if len(shape) != 2 or shape[0] != shape[1] or 0 in shape or self.confusion.min() < 0:
            raise InputError(f"confusion must be counts of shape (C, C), got shape {shape}")
        if self.names and len(self.names) != shape[0]:
            raise InputError(f"{shape[0]} classes need as many names, got {len(self.names)}")
        confusion = self.confusion.astype(np.int64)
        confusion.setflags(write=False)
        object.__setattr__(self, "confusion", confusion)

    @property
    def pixels(self) -> int:
        """Number of pixels that count."""
        return int(self.confusion.sum())

    @property
    def class_iou(self) -> Ratios:
        """Intersection over union of each class: float64 (C,), 0 to 1.

        The intersection are the pixels of the class that are predicted right; the union are those
        that have the class in the truth or in the prediction. NaN where the union is empty.
        """
        union = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - np.diag(self.confusion)
        return _ratio(np.diag(self.confusion), union)

    @property
    def class_accuracy(self) -> Ratios:
        """Share of each true class's pixels that are predicted right: float64 (C,), 0 to 1.

        NaN where the truth has no pixel of the class.
        """
        return _ratio(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def mean_iou(self) -> float:
        """The mIoU, 0 to 1: mean of `class_iou` over the classes whose union is not empty.

        This is the rule of PASCAL VOC and of mmsegmentation: counts are summed over all pictures
        first, the background is a class like any other, and a class that occurs neither in the
        truth nor in a prediction is left out. NaN where nothing was counted.
        """
        return _mean(self.class_iou)

    @property
    def mean_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes that occur in the truth, 0 to 1, or NaN."""
        return _mean(self.class_accuracy)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are predicted right, 0 to 1, or NaN."""
        return float(np.trace(self.confusion)) / self.pixels if self.pixels else math.nan

    def to_dict(self) -> dict[str, object]:
        """Gives the scores as plain Python values, ready for JSON.

        Returns:
            `mean_iou`, `pixel_accuracy`, `mean_accuracy`, `pixels`, and `classes`, a list of
            `{id, name, iou, accuracy, pixels}`, where `pixels` are those of the truth. None stands
            for NaN, and for a name that is not known.
        """
        iou, accuracy = self.class_iou.tolist(), self.class_accuracy.tolist()
        pixels = self.confusion.sum(axis=1).tolist()
        return {
            "mean_iou": _or_none(self.mean_iou),
            "pixel_accuracy": _or_none(self.pixel_accuracy),
            "mean_accuracy": _or_none(self.mean_accuracy),
            "pixels": self.pixels,
            "classes": [
                {
                    "id": class_id,
                    "name": self.names[class_id] if self.names else None,
                    "iou": _or_none(iou[class_id]),
                    "accuracy": _or_none(accuracy[class_id]),
                    "pixels": pixels[class_id],
                }
                for class_id in range(len(pixels))
            ],
        }

    def __repr__(self) -> str:
        return (
            f"Scores(mean_iou={self.mean_iou:.4f}, pixel_accuracy={self.pixel_accuracy:.4f}, "
            f"mean_accuracy={self.mean_accuracy:.4f}, {len(self.confusion)} classes, "
            f"{self.pixels} pixels)"
        )


class Accumulator:
    """Sums the counts of many pictures: `add` each one, then read `scores`.

    Args:
        classes: The label set, or only the number of classes.
        ignore: Value in the truth of the pixels that do not count; None counts every pixel.

    Raises:
        InputError: If there is no class.
    """

    def __init__(self, classes: LabelSet | int, *, ignore: int | None = 255) -> None:
        nothing = np.zeros(0, np.uint8)
        self.num_classes = len(classes) if isinstance(classes, LabelSet) else classes
        self.names = classes.names if isinstance(classes, LabelSet) else ()
        self.ignore = ignore
        self.images = 0
        self._confusion = confusion_matrix(nothing, nothing, self.num_classes, ignore=ignore)

    def add(self, truth: AnyArray, predicted: AnyArray) -> None:
        """Counts one picture, or a batch.

        Args:
            truth: True class ids, any integer type and shape, such as (H, W).
            predicted: Predicted class ids, the same shape.

        Raises:
            InputError: As `confusion_matrix`; nothing is counted then.
        """
        self._confusion += confusion_matrix(truth, predicted, self.num_classes, ignore=self.ignore)
        self.images += 1

    @property
    def scores(self) -> Scores:
        """The scores of all pictures so far; later ones do not change them."""
        return Scores(self._confusion, self.names)


def _ratio(part: Counts, whole: Counts) -> Ratios:
    """Divides counts; NaN, without a warning, where the whole is 0."""
    out = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _mean(values: Ratios) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _check_ids(what: str, ids: object) -> None:
    if not isinstance(ids, np.ndarray):
        raise InputError(f"{what} must be a NumPy array of integers, not {type(ids).__name__}")
    if ids.dtype.kind not in "ui":
        raise InputError(f"{what} must hold integers, got {ids.dtype} of shape {ids.shape}")


def _check_range(what: str, ids: AnyArray, num_classes: int, ignore: int | None) -> None:
    if ids.size == 0:
        return
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= num_classes:
        remark = "" if ignore is None else f" where the truth is not {ignore}, which is ignored"
        raise InputError(
            f"{what} must hold ids from 0 to {num_classes - 1}{remark}; got {lowest} to {highest}. "
            "Annotations that count their classes from 1 need 1 subtracted first"
        )
