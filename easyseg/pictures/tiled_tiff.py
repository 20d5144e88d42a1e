"""Writes pictures of any size to tiled TIFFs, a tile at a time, whole or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from easyseg._types import AnyArray
from easyseg.files import PendingFile
from easyseg.pictures._tiff_reader import Tag, load_tifffile

TILE = 256
"""Side of the tiles that are written, in pixels."""

EXTENSIONS = (".tif", ".tiff")

_CLASSIC = (1 << 32) - (1 << 25)
"""Bytes that fit into a TIFF whose offsets have 32 bits; tifffile's own limit."""

_LEVEL = 4
"""Of the compression: higher ones take twice the time for a few percent."""


def write_tiles(
    pending: PendingFile,
    size: tuple[int, int],
    tiles: Iterable[AnyArray],
    *,
    channels: int,
    tags: Sequence[Tag] = (),
) -> None:
    """Writes a picture without loss, deflated; as BigTIFF where it may need more than 4 GB.

    Args:
        pending: The file; it is neither completed nor discarded.
        size: Height and width of the picture.
        tiles: Its tiles of `TILE` x `TILE` pixels, row after row, uint8, (h, w) or (h, w, 3); at
            the right and below they may be smaller.
        channels: 1 for grey, 3 for RGB.
        tags: More tags for the file.

    Raises:
        MediaError: It cannot be written, the disk may be full; or tifffile is not installed.
    """
    tifffile = load_tifffile()
    height, width = size
    big = height * width * channels * 1.01 > _CLASSIC

    def write(file: BinaryIO) -> None:
        with tifffile.TiffWriter(file, bigtiff=big) as writer:
            writer.write(
                iter(tiles),
                shape=(height, width) if channels == 1 else (height, width, channels),
                dtype="uint8",
                tile=(TILE, TILE),
                photometric="minisblack" if channels == 1 else "rgb",
                compression="adobe_deflate",
                compressionargs={"level": _LEVEL},
                predictor=channels > 1,  # differences of ids compress no better
                extratags=tags,
                metadata=None,
                software="easyseg",
                maxworkers=1,  # more would hold more tiles
            )

    pending.fill(write)


def cut(rows: AnyArray) -> Iterator[AnyArray]:
    """Cuts rows of a picture into tiles, from left to right."""
    for left in range(0, rows.shape[1], TILE):
        yield rows[:, left : left + TILE]
