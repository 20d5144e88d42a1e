"""Quality modes: averaged views, tiles, and a picture that is never in memory as a whole.

`python examples/large.py scan.tif` takes a picture of your own, of any size where it is a TIFF;
without one, a tiled TIFF of 2400 x 3600 pixels is made of a sample photograph. It needs
tifffile and imagecodecs.
"""

import sys
from pathlib import Path

import easyseg
from easyseg.files import PendingFile
from easyseg.pictures import image as media
from easyseg.pictures.tiled_tiff import TILE, cut, write_tiles

HERE = Path(__file__).parent


def make_scan(path: Path) -> Path:
    """A photograph of a building, enlarged."""
    image = media.resize(media.read(HERE / "images" / "china.jpg"), (2400, 3600), "bicubic")
    rows = (image[top : top + TILE] for top in range(0, len(image), TILE))
    pending = PendingFile(path)
    write_tiles(pending, (2400, 3600), (tile for row in rows for tile in cut(row)), channels=3)
    pending.complete()
    return path


def main() -> None:
    output = Path("output")
    output.mkdir(exist_ok=True)
    segmenter = easyseg.Segmenter("builtin", dataset="ade20k")

    # In memory: six views averaged, or tiles in which small things are seen larger.
    photograph = HERE / "images" / "coffee.jpg"
    for options in ({}, {"tta": True}, {"tile": 300}):
        result = segmenter(photograph, **options)
        print(options or "as it is", list(result.ratios)[:4])

    # From file to file: only some tiles are in memory.
    scan = Path(sys.argv[1]) if len(sys.argv) > 1 else make_scan(output / "scan.tif")
    summary = easyseg.segment_large(
        scan, output / "scan_overlay.tif", labels=output / "scan_labels.tif",
        dataset="ade20k", model="builtin", tile=2048,
    )  # fmt: skip
    height, width = summary.shape
    print(f"{width} x {height} pixels in {summary.timing['total']:.0f} seconds: {summary.overlay}")
    for area in summary.classes[:5]:
        print(f"{area.ratio:6.1%}  {area.name}")


if __name__ == "__main__":
    main()
