"""What a segmentation is written as for other programs: masks, polygons, annotation files.

Plain arrays and a `LabelSet` in; `Segmentation.export` and `easyseg PHOTO --export` lead here.
"""

from easyseg.datasets.rle import encode_rle
from easyseg.export.arrays import detections
from easyseg.export.geojson import Polygon, polygons
from easyseg.export.writing import KINDS, ExportOptions, FolderWriter, write_one

__all__ = [
    "KINDS",
    "ExportOptions",
    "FolderWriter",
    "Polygon",
    "detections",
    "encode_rle",
    "polygons",
    "write_one",
]
