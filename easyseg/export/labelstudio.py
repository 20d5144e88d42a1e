"""Tasks for the program Label Studio: brush masks as predictions, with the settings for them."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from easyseg._types import LabelMap, Mask
from easyseg.drawing import draw
from easyseg.export.pictures import present
from easyseg.files import PendingFile
from easyseg.labels import LabelSet

_FROM, _TO = "tag", "image"
_LONGEST = 1 << 16
_VALUE_BITS = 8
_END = b"\n]\n"
_CHANNELS = 4


class LabelStudioWriter:
    """Writes a file of tasks, one for each photograph, with a brush mask for each class.

    The masks are exact; the background has none.

    Args:
        path: The `.json` file.
        label_set: The classes.

    Raises:
        MediaError: If the file cannot be made.
    """

    def __init__(self, path: Path, label_set: LabelSet) -> None:
        self._label_set = label_set
        self._tasks = 0
        self._before = "[\n"
        self._file = PendingFile(path)

    def add(self, address: str, labels: LabelMap, model: str) -> None:
        """Adds a photograph.

        Args:
            address: Where Label Studio finds it: a URL, or `local_address` of a path.
            labels: (H, W) uint8 class ids.
            model: What made the labels.

        Raises:
            MediaError: If it cannot be written.
        """
        ids = present(labels, self._label_set, background=False)
        results = [self._result(class_id, labels) for class_id in ids]
        prediction = {"model_version": model, "result": results}
        task = {"data": {"image": address}, "predictions": [prediction]}
        text = json.dumps(task, ensure_ascii=False, separators=(",", ":"))
        data = (self._before + text).encode("utf-8", "backslashreplace")
        self._file.write(data, reserve=len(_END))
        self._before = ",\n"
        self._tasks += 1

    def _result(self, class_id: int, labels: LabelMap) -> dict[str, Any]:
        height, width = labels.shape
        return {
            "id": f"{self._tasks + 1}-{class_id}",
            "type": "brushlabels",
            "from_name": _FROM,
            "to_name": _TO,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "format": "rle",
                "rle": list(brush_rle(draw.select(labels, (class_id,)))),
                "brushlabels": [self._label_set.names[class_id]],
            },
        }

    def close(self) -> None:
        """Completes the file; on a full disk, too, with the photographs that found room.

        Raises:
            MediaError: If it cannot be written.
        """
        self._file.write(_END if self._tasks else b"[]\n")
        self._file.complete()

    def discard(self) -> None:
        """Throws away what was written; does nothing after `close`."""
        self._file.discard()


def local_address(path: str) -> str:
    """Gives Label Studio's address of a file below its `LOCAL_FILES_DOCUMENT_ROOT`."""
    return f"/data/local-files/?d={quote(os.fsencode(path))}"


def labeling_settings(label_set: LabelSet) -> str:
    """Writes the XML that a Label Studio project needs to show the masks."""
    labels = "\n".join(
        f'    <Label value={quoteattr(name)} background="#{red:02x}{green:02x}{blue:02x}"/>'
        for class_id, (name, (red, green, blue)) in enumerate(
            zip(label_set.names, label_set.palette.tolist(), strict=True)
        )
        if class_id != label_set.background
    )
    return (
        f'<View>\n  <Image name="{_TO}" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="{_FROM}" toName="{_TO}">\n{labels}\n  </BrushLabels>\n</View>\n'
    )


def brush_rle(mask: Mask) -> bytes:
    """Encodes a mask in Label Studio's run-length format, that of `@thi.ng/rle-pack`.

    The mask is taken as an RGBA picture, 255 or 0 in all its channels. A head gives the number of
    values (32 bits), the bits of a value less 1 (5) and four sizes of a run's length less 1 (4
    each); every run is a bit 1, the number of its size (2 bits), its length less 1, and its value.

    Args:
        mask: bool (H, W).

    Returns:
        The bytes.
    """
    flat = mask.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    lengths = np.diff(ends, prepend=0) * _CHANNELS
    values = np.where(flat[ends - 1], 255, 0)
    # A run too long for a length of 16 bits is written in several.
    parts = -(-lengths // _LONGEST)
    values = np.repeat(values, parts)
    last = np.cumsum(parts) - 1
    run_lengths = np.full(len(values), _LONGEST)
    run_lengths[last] = lengths - (parts - 1) * _LONGEST
    return np.packbits(
        np.concatenate([_head(flat.size * _CHANNELS), _runs(run_lengths, values)])
    ).tobytes()


_SIZES = np.array([3, 4, 8, 16])


def _head(count: int) -> npt.NDArray[np.bool_]:
    numbers = ((count, 32), (_VALUE_BITS - 1, 5), *((int(size) - 1, 4) for size in _SIZES))
    return np.array([bit == "1" for number, size in numbers for bit in f"{number:0{size}b}"])


def _runs(lengths: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """The bits of all runs, each in the smallest size that holds it."""
    kind = np.searchsorted(1 << _SIZES, lengths)
    size = _SIZES[kind]
    # All fields of a run as one number, read from its highest bit.
    number = 1 << 2 | kind
    number = number << size | (lengths - 1)
    number = number << _VALUE_BITS | values
    total = 3 + size + _VALUE_BITS
    places = np.arange(int(total.max()))
    bits = number[:, np.newaxis] >> (total[:, np.newaxis] - 1 - places).clip(0) & 1
    chosen: npt.NDArray[np.bool_] = bits[places < total[:, np.newaxis]].astype(np.bool_)
    return chosen
