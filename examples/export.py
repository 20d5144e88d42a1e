"""Writes what is in photographs for other programs: python examples/export.py [PHOTO...]."""

import sys
from pathlib import Path

import easyseg
from easyseg.export import FolderWriter

photographs = sys.argv[1:] or sorted((Path(__file__).parent / "images").glob("c*.jpg"))
segmenter = easyseg.Segmenter("builtin", dataset="ade20k")
with FolderWriter("output", ["palette", "coco", "labelme", "geojson"]) as writer:
    for number, photograph in enumerate(photographs, start=1):
        result = segmenter(photograph)
        paths = writer.add(result, f"{number:03d}_{Path(photograph).stem}")
        print(*paths)
        for area in result.polygons(simplify=1.5, min_area=500)[:5]:
            print(f"  {area.name}: {area.pixels} pixels, {len(area.exterior)} corners")
