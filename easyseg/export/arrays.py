"""The arrays themselves: NumPy's files, and supervision's Detections."""

import io
from typing import Any

import numpy as np

from easyseg._types import FloatMap, LabelMap
from easyseg.drawing import draw
from easyseg.errors import InputError
from easyseg.export.pictures import present
from easyseg.export.regions import regions
from easyseg.labels import LabelSet


def npz(labels: LabelMap, label_set: LabelSet, confidence: FloatMap | None = None) -> bytes:
    """Packs the arrays into a compressed file for `numpy.load`.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives `names`, `palette` (uint8 RGB), `void`, `background` (-1 for none) and
            `dataset`.
        confidence: (H, W) float32, 0 to 1, where it is known.

    Returns:
        The file, without pickled objects.
    """
    arrays: dict[str, Any] = {
        "labels": labels,
        "names": np.array(label_set.names),
        "palette": label_set.palette,
        "void": np.uint8(label_set.void),
        "background": np.int16(-1 if label_set.background is None else label_set.background),
        "dataset": np.array(label_set.name),
    }
    if confidence is not None:
        arrays["confidence"] = confidence
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def detections(
    labels: LabelMap, label_set: LabelSet, *, objects: bool = False, min_area: int = 1
) -> Any:
    """Makes `supervision.Detections`, for that package's annotators, zones and sinks.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives the names.
        objects: Whether each connected area is a detection of its own; else each class is one.
        min_area: Areas, or classes, with fewer pixels are left out.

    Returns:
        Detections with `xyxy`, `mask` (N, H, W), `class_id` and `data["class_name"]`. The
        background is none of them.

    Raises:
        InputError: If supervision is not installed.
    """
    try:
        import supervision
    except ImportError as error:
        raise InputError(
            "Detections need the package supervision: pip install supervision"
        ) from error
    ids = present(labels, label_set, background=False)
    found: list[tuple[int, Any]] = []
    if objects:
        for region in regions(labels, ids, min_area=min_area):
            left, top, width, height = region.box
            mask = np.zeros(labels.shape, np.bool_)
            mask[top : top + height, left : left + width] = region.mask
            found.append((region.class_id, mask))
    else:
        masks = ((class_id, draw.select(labels, (class_id,))) for class_id in ids)
        found = [(class_id, mask) for class_id, mask in masks if mask.sum() >= min_area]
    stacked = np.array([mask for _, mask in found], np.bool_).reshape(-1, *labels.shape)
    names = [label_set.names[class_id] for class_id, _ in found]
    return supervision.Detections(
        xyxy=supervision.mask_to_xyxy(stacked).reshape(-1, 4).astype(np.float32),
        mask=stacked,
        class_id=np.array([class_id for class_id, _ in found], np.int64),
        data={"class_name": np.array(names, np.str_)},
    )
