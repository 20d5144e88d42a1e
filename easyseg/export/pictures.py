"""Label maps as PNG files: with a palette, in official numbering, a mask for each class."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from easyseg._types import LabelMap
from easyseg.drawing import draw
from easyseg.files import plain_name
from easyseg.labels import ADE20K, LabelSet
from easyseg.labels.label_set import voc_colormap
from easyseg.pictures.image import encode
from easyseg.pictures.masks import encode_labels
from easyseg.render.check import check_labels

_OTHER = 0
"""ADE20K's annotations count the classes from 1; 0 is what has none."""


def palette_png(labels: LabelMap, label_set: LabelSet) -> bytes:
    """Encodes the ids with the classes' colours as palette, as the masks of PASCAL VOC are.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives the colours; values that are no class have PASCAL VOC's.

    Returns:
        A PNG file whose values are exactly the ids.

    Raises:
        InputError: ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    palette = voc_colormap(256)
    palette[: len(label_set)] = label_set.palette
    return encode_labels(labels, palette)


def id_png(labels: LabelMap, label_set: LabelSet) -> bytes:
    """Encodes the ids in the numbering of the data set's own annotation files.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: The classes. ADE20K's files (annotations of ADEChallengeData2016) hold id + 1,
            and 0 for void; PASCAL VOC's hold the ids, and 255 for void; so do those of other sets.

    Returns:
        A grey PNG file.

    Raises:
        InputError: ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    return encode_labels(draw.relabel(labels, official_numbers(label_set)))


def official_numbers(label_set: LabelSet) -> npt.NDArray[np.uint8]:
    """Gives the value, (256,) uint8, that stands for each id in the data set's own files."""
    table = np.arange(256, dtype=np.uint8)
    if label_set.names == ADE20K.names:
        table = np.roll(table, -1)
        table[label_set.void] = _OTHER
    return table


def class_pngs(labels: LabelMap, label_set: LabelSet) -> Iterator[tuple[str, bytes]]:
    """Encodes a mask for each class that occurs.

    Args:
        labels: (H, W) uint8 class ids.
        label_set: Gives the names.

    Yields:
        A file name such as `012_person.png` (id and short name), and a grey PNG file: 255 in the
        class, 0 elsewhere.

    Raises:
        InputError: ``labels`` is not uint8 of shape (H, W).
    """
    check_labels(labels)
    for class_id in present(labels, label_set):
        mask = draw.select(labels, (class_id,))
        yield mask_name(class_id, label_set), encode(mask.view(np.uint8) * np.uint8(255), ".png")


def mask_name(class_id: int, label_set: LabelSet) -> str:
    """Names the file of a class's mask."""
    word = plain_name(label_set.short_names[class_id]).replace(".", "_")
    return f"{class_id:03d}_{word}.png"


def present(labels: LabelMap, label_set: LabelSet, *, background: bool = True) -> tuple[int, ...]:
    """Lists the classes that occur, by id; the background is one of them only if it is wanted."""
    left_out = None if background else label_set.background
    found = np.flatnonzero(draw.count(labels)[: len(label_set)]).tolist()
    return tuple(i for i in found if i != left_out)
