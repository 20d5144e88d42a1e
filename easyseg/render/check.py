"""What the functions of this room ask of their arrays, checked once at the border."""

import numpy as np

from easyseg._types import ClassSelection, Image, LabelMap
from easyseg.errors import InputError
from easyseg.labels import LabelSet


def check_labels(labels: LabelMap) -> None:
    """Raise InputError unless ``labels`` is a uint8 array of shape (H, W) that is not empty."""
    if not isinstance(labels, np.ndarray):
        raise InputError(
            f"labels must be a NumPy array of uint8, shape (H, W), got {type(labels).__name__}"
        )
    if labels.dtype != np.uint8 or labels.ndim != 2 or labels.size == 0:
        raise InputError(
            "labels must be uint8 class ids of shape (H, W), not empty; "
            f"got {labels.dtype} of shape {labels.shape}"
        )


def check_image(image: Image, labels: LabelMap) -> None:
    """Raise InputError unless ``image`` is RGB uint8 (H, W, 3) and fits ``labels`` (H, W)."""
    check_labels(labels)
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image must be a NumPy array, RGB uint8 (H, W, 3), got {type(image).__name__}"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"image must be RGB uint8 of shape (H, W, 3), got {image.dtype} of shape {image.shape}"
        )
    if image.shape[:2] != labels.shape:
        raise InputError(
            "image and labels must have the same height and width, "
            f"got image {image.shape} and labels {labels.shape}"
        )


def drawn_ids(label_set: LabelSet, classes: ClassSelection | None) -> tuple[int, ...]:
    """Ids of the classes to draw, ascending; the background is never one of them.

    Raises:
        InputError: ``classes`` names a class that ``label_set`` does not have.
    """
    chosen = range(len(label_set)) if classes is None else label_set.select(classes)
    return tuple(sorted(set(chosen) - {label_set.background}))


def foreground_ids(label_set: LabelSet, classes: ClassSelection | None) -> tuple[int, ...]:
    """Ids of the classes that are in front; by default all but the background.

    Raises:
        InputError: ``classes`` names a class that ``label_set`` does not have, or is None for a set
            without a background.
    """
    if classes is not None:
        return label_set.select(classes)
    if label_set.background is None:
        raise InputError(
            f"{label_set.title} has no class for the background, every pixel is something: say "
            'which classes are in front, such as classes="person"'
        )
    return drawn_ids(label_set, None)
