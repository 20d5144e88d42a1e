"""The part of a Segmentation that is about other programs."""

from pathlib import Path
from typing import Any

from easyseg._types import ClassSelection, FloatMap, Image, LabelMap, PathLike
from easyseg.export.arrays import detections
from easyseg.export.geojson import Polygon, polygons
from easyseg.export.writing import ExportOptions, write_one
from easyseg.labels import LabelSet


class ExportMethods:
    """What `easyseg.result.Segmentation` can be written as."""

    labels: LabelMap
    label_set: LabelSet
    image: Image
    model: str
    source: str | None
    confidence_map: FloatMap | None

    def export(
        self, path: PathLike, kind: str, *, simplify: float | None = None, min_area: int = 1
    ) -> Path:
        """Write the labels for other programs.

        Args:
            path: The file; for ``"masks"`` a folder.
            kind: One of `easyseg.export.KINDS`: ``"palette"``, ``"ids"``, ``"masks"``,
                ``"geojson"``, ``"coco"``, ``"labelme"``, ``"labelstudio"``, ``"yolo"``, ``"npz"``.
            simplify: How far, in pixels, polygons may run from the exact outline; None is 1 for
                ``"labelme"`` and ``"yolo"``, and 0 otherwise.
            min_area: Connected areas with fewer pixels are left out where a format knows areas.

        Returns:
            The path.

        Raises:
            InputError: An option is wrong, or the path has another extension than the kind.
            MediaError: The file cannot be written.
        """
        return write_one(path, self, kind, ExportOptions(simplify, min_area))

    def polygons(
        self, classes: ClassSelection | None = None, *, simplify: float = 0.0, min_area: int = 1
    ) -> list[Polygon]:
        """Trace each connected area, with its holes; see `easyseg.export.polygons`."""
        return polygons(
            self.labels, self.label_set, classes=classes, simplify=simplify, min_area=min_area
        )

    def detections(self, *, objects: bool = False, min_area: int = 1) -> Any:
        """Make `supervision.Detections`; see `easyseg.export.detections`."""
        return detections(self.labels, self.label_set, objects=objects, min_area=min_area)
