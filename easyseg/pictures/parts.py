"""Reads parts of pictures that are too large to hold: tiled and striped TIFFs, BigTIFF too."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image as PillowImage
from PIL import TiffImagePlugin

from easyseg._types import AnyArray, Image
from easyseg.errors import EasysegError, InputError, MediaError
from easyseg.files import open_to_read
from easyseg.pictures._decode import FLIPS, pillow_to_rgb, upright
from easyseg.pictures._pixels import to_rgb
from easyseg.pictures._tiff import REWRITE, Segments
from easyseg.pictures.image import MAX_PIXELS, read

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

Tag = tuple[int, int, int, Any, bool]
"""A tag of a TIFF: its code, type, count and value, and that it is for the first page alone."""

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 274
_GEOREFERENCE = (33550, 33922, 34264, 34735, 34736, 34737)
"""GeoTIFF's: pixel scale, tie points, transformation, and its keys."""

_COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
"""Samples of a pixel by the tag PhotometricInterpretation, without alpha and other extras."""

_WHITE_IS_ZERO, _PALETTE, _CMYK = 0, 3, 5
_PREMULTIPLIED, _STRAIGHT = 1, 2
_DTYPES = ("bool", "uint8", "uint16", "float16", "float32", "float64")


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


class TiffReader:
    """The first picture of a TIFF; its pixels are those that `pictures.image.read` gives.

    Args:
        file: The open file.
        name: What it is called in errors.

    Attributes:
        segments: The pixels as they are stored.

    Raises:
        MediaError: It is cut short, or of a kind that cannot be read by parts.
    """

    def __init__(self, file: "TiffFile", name: str) -> None:
        page: TiffPage = file.pages.first
        self.segments = Segments(file, name)
        self._page = page
        self._orientation: int = page.tags.valueof(_ORIENTATION, default=1)
        if self._orientation not in range(1, 9):
            self._orientation = 1
        turned = self._orientation >= 5
        if turned and self.segments.in_strips:
            raise MediaError(
                f"cannot read {name} by parts: it lies on its side, and in strips; {REWRITE}"
            )
        self.size = self.segments.size[::-1] if turned else self.segments.size
        self.georeference = () if self._orientation > 1 else tuple(_tags(page))
        self._colors = _checked_colors(page, self.segments, name)
        self._name = name

    def read(self, top: int, left: int, height: int, width: int) -> Image:
        """Reads a part.

        Returns:
            RGB uint8 (height, width, 3), a new array.

        Raises:
            MediaError: The file is damaged there, or holds floats beyond 0..1.
        """
        flip = FLIPS.get(self._orientation)
        if flip in (0, -1):
            top = self.size[0] - top - height
        if flip in (1, -1):
            left = self.size[1] - left - width
        place = (top, left, height, width)
        if self._orientation >= 5:
            place = (left, top, width, height)
        try:
            return upright(self._to_rgb(self.segments.read(*place)), self._orientation)
        except InputError as error:
            raise MediaError(f"cannot read {self._name}: {error}") from error

    def _to_rgb(self, samples: AnyArray) -> Image:
        page, colors = self._page, self._colors
        if page.photometric == _PALETTE:
            table = (np.asarray(page.colormap) // 256).astype(np.uint8).T
            return np.ascontiguousarray(table[samples[..., 0]])
        if samples.dtype == np.uint16 and colors >= 3:
            samples = (samples >> 8).astype(np.uint8)  # as Pillow does
        alpha = page.extrasamples[0] if page.extrasamples else 0
        if colors == 4 or alpha in (_PREMULTIPLIED, _STRAIGHT):
            letters = {1: "LA", 3: "RGBA", 4: "CMYK"}[colors]
            mode = letters.replace("A", "a") if alpha == _PREMULTIPLIED else letters
            pixels = np.ascontiguousarray(samples[..., : len(mode)])
            size = (pixels.shape[1], pixels.shape[0])
            picture = PillowImage.frombuffer(mode, size, pixels.tobytes(), "raw", mode, 0, 1)
            return pillow_to_rgb(picture, self._name, MAX_PIXELS)
        rgb = to_rgb(samples[..., :colors])
        return 255 - rgb if page.photometric == _WHITE_IS_ZERO else rgb


def _tags(page: "TiffPage") -> Iterator[Tag]:
    for code in _GEOREFERENCE:
        tag = page.tags.get(code)
        if tag is not None:
            yield code, int(tag.dtype), int(tag.count), tag.value, True


def _checked_colors(page: "TiffPage", segments: Segments, name: str) -> int:
    """Gives the number of colours; raises MediaError for pixels of which no RGB can be made."""
    colors = _COLORS.get(int(page.photometric), 0)
    extra = segments.samples - colors
    unnamed = colors == 1 and extra > 0 and page.extrasamples[:1] not in ((1,), (2,))
    alpha = page.extrasamples[0] if page.extrasamples else 0
    deep = segments.dtype != np.uint8 and (colors == 4 or alpha or page.photometric == _PALETTE)
    if not colors or extra < 0 or unnamed or deep or segments.dtype.name not in _DTYPES:
        raise MediaError(
            f"cannot read {name} by parts: it has {segments.samples} numbers of "
            f"{segments.dtype} for each pixel (photometric interpretation "
            f"{int(page.photometric)}); make an RGB picture of 8 bits of it, as with: "
            "gdal_translate -b 1 -b 2 -b 3 -ot Byte -scale -co TILED=YES IN.tif OUT.tif"
        )
    return colors


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
    tifffile = load_tifffile()
    with open_to_read(path) as stream:
        try:
            file: TiffFile = tifffile.TiffFile(stream, name=str(path))
            reader = TiffReader(file, str(path))
        except (EasysegError, MemoryError):
            raise
        except Exception as error:
            raise MediaError(
                f"cannot read {path}: the file is damaged or cut short "
                f"({type(error).__name__}: {error})"
            ) from error
        yield reader


def load_tifffile() -> Any:
    """Imports tifffile, with the codecs.

    Raises:
        MediaError: They are not installed.
    """
    try:
        importlib.import_module("imagecodecs")
        return importlib.import_module("tifffile")
    except ImportError as error:
        raise MediaError(
            "to read and write pictures by parts needs tifffile and imagecodecs: "
            "pip install easyseg[large]"
        ) from error


def is_tiff(path: Path) -> bool:
    """Tells by its first bytes whether a file is a TIFF.

    Raises:
        MediaError: It cannot be opened.
    """
    with open_to_read(path) as stream:
        return stream.read(4) in _MAGIC


def is_too_large(path: Path) -> bool:
    """Tells whether a file is a TIFF with more pixels than `pictures.image.read` takes.

    False, too, for what cannot be read at all: reading it will say why.
    """
    try:
        with open_to_read(path) as stream:
            if stream.read(4) not in _MAGIC:
                return False
            stream.seek(0)
            width, height = TiffImagePlugin.TiffImageFile(stream).size
    except Exception:  # noqa: BLE001 - whatever a damaged file leads to
        return False
    return width * height > MAX_PIXELS
