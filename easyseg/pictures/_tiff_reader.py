"""Reads TIFFs with tifffile: by parts, or of the kinds that Pillow does not read rightly."""

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image as PillowImage

from easyseg._types import AnyArray, Image
from easyseg.errors import EasysegError, InputError, MediaError
from easyseg.pictures._decode import FLIPS, check_pixels, pillow_to_rgb, upright
from easyseg.pictures._pixels import to_rgb
from easyseg.pictures._profiles import in_srgb
from easyseg.pictures._tiff import LARGEST, REWRITE, Segments

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

Tag = tuple[int, int, int, Any, bool]
"""A tag of a TIFF: its code, type, count and value, and that it is for the first page alone."""

_ORIENTATION, _PROFILE = 274, 34675
_GEOREFERENCE = (33550, 33922, 34264, 34735, 34736, 34737)
"""GeoTIFF's: pixel scale, tie points, transformation, and its keys."""

_COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
"""Samples of a pixel by the tag PhotometricInterpretation, without alpha and other extras."""

_WHITE_IS_ZERO, _PALETTE, _CMYK = 0, 3, 5
_PREMULTIPLIED, _STRAIGHT = 1, 2
_DTYPES = ("bool", "uint8", "uint16", "float16", "float32", "float64")


class TiffReader:
    """The first picture of a TIFF; its pixels are those that `pictures.image.read` gives.

    Args:
        file: The open file.
        name: What it is called in errors.
        whole: Whether it will be read as a whole.

    Attributes:
        segments: The pixels as they are stored.

    Raises:
        MediaError: It is cut short, or of a kind that cannot be read by parts.
    """

    def __init__(self, file: "TiffFile", name: str, *, whole: bool = False) -> None:
        page: TiffPage = file.pages.first
        self.segments = Segments(file, name, largest=None if whole else LARGEST)
        self._page = page
        self._orientation: int = page.tags.valueof(_ORIENTATION, default=1)
        if self._orientation not in range(1, 9):
            self._orientation = 1
        turned = self._orientation >= 5
        if turned and self.segments.in_strips and not whole:
            raise MediaError(
                f"cannot read {name} by parts: it lies on its side, and in strips; {REWRITE}"
            )
        self.size = self.segments.size[::-1] if turned else self.segments.size
        self.georeference = () if self._orientation > 1 else tuple(_tags(page))
        self._colors = _checked_colors(page, self.segments, name)
        self._profile = bytes(page.tags.valueof(_PROFILE, default=b"") or b"")
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
            pixels = in_srgb(self._to_rgb(self.segments.read(*place)), self._profile)
            return upright(pixels, self._orientation)
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
            if mode == "CMYK":  # the only one whose profile is not for RGB or grey
                picture.info["icc_profile"] = self._profile
            return pillow_to_rgb(picture, self._name, size[0] * size[1])
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


def tiff_reader(stream: BinaryIO, name: str, *, whole: bool = False) -> TiffReader:
    """Prepares to read a TIFF in an open file.

    Args:
        stream: Seekable, at its beginning; it stays open.
        name: What it is called in errors.
        whole: Whether it will be read as a whole, which goes with more kinds than parts.

    Raises:
        MediaError: It cannot be read, or not by parts, or tifffile is not installed.
    """
    tifffile = load_tifffile()
    try:
        file: TiffFile = tifffile.TiffFile(stream, name=name)
        return TiffReader(file, name, whole=whole)
    except (EasysegError, MemoryError):
        raise
    except Exception as error:
        raise MediaError(
            f"cannot read {name}: the file is damaged or cut short "
            f"({type(error).__name__}: {error})"
        ) from error


def read_whole(stream: BinaryIO, name: str, max_pixels: int) -> Image:
    """Reads a TIFF as `easyseg.pictures.image.read` does, whose errors it raises."""
    stream.seek(0)
    reader = tiff_reader(stream, name, whole=True)
    height, width = reader.size
    check_pixels((width, height), name, max_pixels, "TIFF")
    return reader.read(0, 0, height, width)


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
            "TIFFs of this kind, and pictures by parts, need tifffile and imagecodecs: "
            "pip install tifffile imagecodecs"
        ) from error
