"""COCO's annotation file: one JSON for all photographs, with run-length masks."""

import json
from pathlib import Path
from typing import Any

from easyseg._types import LabelMap
from easyseg.datasets.rle import encode_rle
from easyseg.export.pictures import present
from easyseg.export.regions import regions
from easyseg.files import PendingFile
from easyseg.labels import LabelSet


class CocoWriter:
    """Writes an annotation file photograph by photograph; memory does not grow with the masks.

    Every connected area is an object, with its exact mask; the background is none. A category has
    the number of its class in the data set's own files: id + 1, or id where 0 is the background.

    Args:
        path: The `.json` file.
        label_set: The classes.
        min_area: Areas with fewer pixels are left out.

    Raises:
        MediaError: If the file cannot be made.
    """

    def __init__(self, path: Path, label_set: LabelSet, *, min_area: int = 1) -> None:
        self._label_set = label_set
        self._min_area = min_area
        self._first = 0 if label_set.background == 0 else 1
        self._images: list[dict[str, Any]] = []
        self._objects = 0
        self._before = '{"annotations": [\n'
        self._end_bytes = 0
        self._file = PendingFile(path)

    def add(self, file_name: str, labels: LabelMap) -> None:
        """Adds a photograph.

        Args:
            file_name: Its path from the folder of photographs, with forward slashes.
            labels: (H, W) uint8 class ids.

        Raises:
            MediaError: If it cannot be written.
        """
        image_id = len(self._images) + 1
        ids = present(labels, self._label_set, background=False)
        lines: list[str] = []
        for region in regions(labels, ids, min_area=self._min_area):
            number = self._objects + len(lines) + 1
            lines.append(
                json.dumps(
                    {
                        "id": number,
                        "image_id": image_id,
                        "category_id": region.class_id + self._first,
                        "segmentation": encode_rle(
                            region.mask, corner=(region.top, region.left), size=labels.shape
                        ),
                        "area": region.pixels,
                        "bbox": list(region.box),
                        "iscrowd": 0,
                    }
                )
            )
        height, width = labels.shape
        record = {"id": image_id, "file_name": file_name, "width": width, "height": height}
        self._images.append(record)
        text = self._before + ",\n".join(lines) if lines else ""
        try:
            self._file.write(text.encode("ascii"), reserve=self._room(record))
        except BaseException:
            self._images.pop()
            raise
        if lines:
            self._before = ",\n"
        self._objects += len(lines)

    def _room(self, record: dict[str, Any]) -> int:
        """Counts the bytes that the end of the file takes, with one photograph more."""
        if not self._end_bytes:
            self._end_bytes = len(self._end())
        self._end_bytes += len(json.dumps(record)) + 2
        return self._end_bytes

    def close(self) -> None:
        """Completes the file; on a full disk, too, with the photographs that found room.

        Raises:
            MediaError: If it cannot be written.
        """
        self._file.write(self._end())
        self._file.complete()

    def _end(self) -> bytes:
        names = self._label_set.names
        rest = {
            "images": self._images,
            "categories": [
                {"id": class_id + self._first, "name": name, "supercategory": ""}
                for class_id, name in enumerate(names)
                if class_id != self._label_set.background
            ],
            "info": {"description": f"segmented by easyseg, classes of {self._label_set.title}"},
            "licenses": [],
        }
        head = "" if self._objects else self._before
        text = f"{head}\n],\n{json.dumps(rest, ensure_ascii=False)[1:]}\n"
        return text.encode("utf-8", "backslashreplace")

    def discard(self) -> None:
        """Throws away what was written; does nothing after `close`."""
        self._file.discard()
