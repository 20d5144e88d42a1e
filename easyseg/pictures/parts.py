"""Reads parts of pictures that are too large to hold: tiled and striped TIFFs, BigTIFF too."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import TiffImagePlugin

from easyseg._types import Image
from easyseg.errors import MediaError
from easyseg.files import open_to_read
from easyseg.options.pictures import MAX_PIXELS
from easyseg.pictures._decode import TIFF_MAGIC
from easyseg.pictures._tiff_reader import Tag, TiffReader, tiff_reader
from easyseg.pictures.image import read


class PartReader(Protocol):
    """A picture of which parts can be read.

    Attributes:
        size: Height and width, upright.
        georeference: The GeoTIFF tags that say where on earth it is; empty where there are none.
    """

    size: tuple[int, int]
    georeference: tuple[Tag, ...]

    def read(self, top: int, left: int, height: int, width: int) -> Image:
        """Reads a part: RGB uint8 (height, width, 3), contiguous."""
        ...


class ArrayReader:
    """A picture in memory.

    Args:
        image: RGB uint8 (H, W, 3).
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self.size: tuple[int, int] = image.shape[:2]
        self.georeference: tuple[Tag, ...] = ()

    def read(self, top: int, left: int, height: int, width: int) -> Image:
        """Gives a part of it."""
        return np.ascontiguousarray(self._image[top : top + height, left : left + width])


@contextlib.contextmanager
def open_parts(path: Path) -> Iterator[PartReader]:
    """Opens a picture file to read parts of it: a TIFF of any size, or another one in memory.

    Args:
        path: The file.

    Yields:
        What reads them.

    Raises:
        MediaError: It cannot be read, or is too large for memory and no TIFF, or tifffile is not
            installed.
    """
    if not is_tiff(path):
        try:
            picture = read(path)
        except MediaError as error:
            if "pixels and the limit is" not in str(error):
                raise
            raise MediaError(
                f"{str(error).partition(';')[0]}; files of this kind can only be read from top to "
                f"bottom, so make a tiled TIFF of it first: vips tiffsave {path.name} OUT.tif "
                "--tile --compression deflate --bigtiff"
            ) from error
        yield ArrayReader(picture)
        return
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(open_tiff(path))


@contextlib.contextmanager
def open_tiff(path: Path) -> Iterator[TiffReader]:
    """Opens a TIFF to read parts of it.

    Raises:
        MediaError: It cannot be read by parts, or tifffile is not installed.
    """
    with open_to_read(path) as stream:
        yield tiff_reader(stream, str(path))


def is_tiff(path: Path) -> bool:
    """Tells by its first bytes whether a file is a TIFF.

    Raises:
        MediaError: It cannot be opened.
    """
    with open_to_read(path) as stream:
        return stream.read(4) in TIFF_MAGIC


def _size_of(stream: BinaryIO) -> tuple[int, int]:
    with contextlib.suppress(SyntaxError, Warning):  # of kinds that Pillow does not know
        return TiffImagePlugin.TiffImageFile(stream).size
    stream.seek(0)
    height, width = tiff_reader(stream, "the TIFF", whole=True).size
    return width, height


def is_too_large(path: Path) -> bool:
    """Tells whether a file is a TIFF with more pixels than `pictures.image.read` takes.

    False, too, for what cannot be read at all: reading it will say why.
    """
    try:
        with open_to_read(path) as stream:
            if stream.read(4) not in TIFF_MAGIC:
                return False
            stream.seek(0)
            width, height = _size_of(stream)
    except Exception:  # noqa: BLE001 - whatever a damaged file leads to
        return False
    return width * height > MAX_PIXELS
