"""Decodes picture files: finds the format, checks the size, decodes, turns upright."""

import contextlib
import string
from collections.abc import Iterator
from typing import BinaryIO, cast

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile, TiffImagePlugin

from easyseg._types import AnyArray, Image
from easyseg.errors import EasysegError, InputError, MediaError
from easyseg.pictures._pixels import to_rgb
from easyseg.pictures._plugins import PLUGINS, jpeg_xl_size
from easyseg.pictures._profiles import cmyk_in_srgb, in_srgb, profile_of

# Formats that run another program or hold no photographs (EPS, PDF, FLI, ...) are left out on
# purpose.
_PLAIN = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF")
_FORMATS = (*_PLAIN, *(plugin.format for plugin in PLUGINS))
_EXIF_ORIENTATION = 0x0112
_BITS_PER_SAMPLE, _COMPRESSION, _PLANAR_CONFIGURATION, _SAMPLE_FORMAT = 258, 259, 284, 339
_SIGNED = 2
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# After a transposition for 5 to 8, the flip (as OpenCV codes it) that turns a picture upright.
FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
_JPEG_END = b"\xff\xd9"

_NOT_PICTURES = (
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
    (0, b"\x00\x00\x01\xba", "a video (MPEG)"),
    (0, b"\x00\x00\x01\xb3", "a video (MPEG)"),
    (0, b"FLV", "a video (Flash)"),
    (0, b"\x30\x26\xb2\x75", "a video (Windows Media)"),
    (0, b"OggS", "a video (Ogg)"),
    (8, b"AVI ", "a video (AVI)"),
    (0, b"%PDF", "a PDF document"),
)


class OtherTiffError(MediaError):
    """A TIFF is of a kind that Pillow does not read, or not rightly."""


def decode(stream: BinaryIO, name: str, max_pixels: int) -> Image:
    """Decodes the picture in a stream, upright.

    Args:
        stream: Seekable binary file at its beginning; it stays open.
        name: What the picture is called in errors.
        max_pixels: Limit on width times height.

    Returns:
        RGB uint8 (H, W, 3). The first picture of a file that holds several.

    Raises:
        OtherTiffError: It is a TIFF that has to be read in another way.
        MediaError: The data are no picture, are damaged or cut short, or exceed the limit.
    """
    with _damage_as_media_error(name):
        picture = _identify(stream, name, max_pixels)
        _check_size(picture, name, max_pixels)
        if picture.format == "TIFF" and not _reads_right(picture):
            raise _other_tiff(name)
        pixels = _decode_jpeg(stream, picture)
        if pixels is None:
            try:
                pixels = _convert(picture)
            except InputError as error:
                raise MediaError(f"cannot read {name}: {error}") from error
        return upright(in_srgb(pixels, profile_of(picture)), _orientation(picture))


def pillow_to_rgb(picture: PillowImage.Image, name: str, max_pixels: int) -> Image:
    """Converts a Pillow picture of any mode, loaded or not, as its pixels stand.

    Args:
        picture: Its EXIF orientation is not applied, its transparency is laid over white.
        name: What the picture is called in errors.
        max_pixels: Limit on width times height.

    Returns:
        RGB uint8 (H, W, 3), a new array.

    Raises:
        InputError: Its mode has no known range (32-bit integers, floats beyond 0..1), or Pillow
            cannot convert it.
        MediaError: It is closed, larger than the limit, or its file is damaged.
    """
    if _is_closed(picture):
        raise MediaError(
            f"expected {name} to be open, got one that is closed: pass it before it is closed, as "
            "within its with block, or pass a copy()"
        )
    with _damage_as_media_error(name):
        _check_size(picture, name, max_pixels)
        return in_srgb(_convert(picture), profile_of(picture))


def _is_closed(picture: PillowImage.Image) -> bool:
    """Whether there are neither pixels nor a file to read them from."""
    if isinstance(picture, ImageFile.ImageFile) and picture.tile:  # not loaded yet
        file = getattr(picture, "fp", None)
        return file is None or bool(getattr(file, "closed", False))
    try:
        picture.im  # noqa: B018 - some versions of Pillow raise of one that is closed
    except ValueError:
        return True
    return picture.im is None


@contextlib.contextmanager
def _damage_as_media_error(name: str) -> Iterator[None]:
    try:
        yield
    except EasysegError:
        raise
    except PillowImage.DecompressionBombError as error:
        raise MediaError(
            f"cannot read {name}: {error} The limit is Pillow's own, PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise MediaError(
            f"cannot read {name}: the file is damaged or cut short ({reason})"
        ) from error


def _check_size(picture: PillowImage.Image, name: str, max_pixels: int) -> None:
    check_pixels(picture.size, name, max_pixels, picture.format)


def check_pixels(size: tuple[int, int], name: str, max_pixels: int, kind: str | None) -> None:
    """Raises MediaError where a picture of (width, height) has more pixels than are taken."""
    width, height = size
    if width * height > max_pixels:
        advice = "; easyseg.segment_large reads it by parts" if kind == "TIFF" else ""
        raise MediaError(
            f"cannot read {name}: {width}x{height} is {width * height:,} pixels and the limit is "
            f"{max_pixels:,}; if you trust the source, pass max_pixels={width * height} "
            f"(--max-pixels on the command line){advice}"
        )


def _convert(picture: PillowImage.Image) -> Image:
    picture.load()
    mode = picture.mode
    if mode == "I" and picture.format in ("PNG", "PPM"):
        # Some versions of Pillow hold the 16 bits of these formats in 32.
        return to_rgb(np.asarray(picture).astype(np.uint16))
    if mode.startswith(("I", "F")):
        return to_rgb(np.asarray(picture))
    if picture.has_transparency_data:
        picture = _converted(picture, "RGBA")
    elif mode == "CMYK" and (pixels := cmyk_in_srgb(picture)) is not None:
        return pixels
    elif mode not in ("1", "L", "RGB"):
        picture = _converted(picture, "RGB")
    return to_rgb(np.asarray(picture))


def _converted(picture: PillowImage.Image, mode: str) -> PillowImage.Image:
    try:
        return picture.convert(mode)
    except ValueError as error:
        raise InputError(
            f"a picture of mode {picture.mode} cannot be turned into {mode} ({error}); "
            "convert it yourself"
        ) from error


def _identify(stream: BinaryIO, name: str, max_pixels: int) -> PillowImage.Image:
    # Image.open would do, were its limit on pixels not one for the whole process: whoever raises
    # it, even for a moment, raises it for every thread of the program.
    head = stream.read(64)
    if head[:4] == TIFF_MAGIC[-1]:  # which Pillow takes for damaged, with a warning
        raise _other_tiff(name)
    _load_plugin(stream, name, head, max_pixels)
    for format_name in _FORMATS:
        if format_name not in PillowImage.OPEN:
            PillowImage.init()
        factory, accept = PillowImage.OPEN.get(format_name, (None, None))
        accepted = accept is not None and accept(head[:16])
        # Instead of False it may say in a str why this build of Pillow cannot.
        if factory is not None and accepted and not isinstance(accepted, str):
            stream.seek(0)
            try:
                picture: PillowImage.Image = factory(stream, "")
            except Exception as error:
                if format_name == "TIFF":
                    raise _other_tiff(name) from error
                raise
            return picture
    raise MediaError(f"cannot read {name}: {_describe_unknown(head)}")


def _load_plugin(stream: BinaryIO, name: str, head: bytes, max_pixels: int) -> None:
    for plugin in PLUGINS:
        if plugin.accepts(head):
            plugin.load()
            if plugin.format == "JXL":
                stream.seek(0)
                size = jpeg_xl_size(stream.read())
                check_pixels(size or (1, 1), name, max_pixels, plugin.format)


def _other_tiff(name: str) -> OtherTiffError:
    return OtherTiffError(f"cannot read {name}: Pillow does not read such a TIFF")


def _reads_right(picture: PillowImage.Image) -> bool:
    """Whether Pillow, which asks libtiff for what is compressed, gives a TIFF's true numbers.

    It takes 16 bits for 8 where planes are stored apart and plain, swaps the bytes of numbers that
    libtiff has swapped already, forgets signs, and takes
    the planes of grey and alpha for grey alone.
    """
    tags = cast(TiffImagePlugin.TiffImageFile, picture).tag_v2
    plain = tags.get(_COMPRESSION, 1) == 1
    bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
    apart = tags.get(_PLANAR_CONFIGURATION, 1) == 2 and len(picture.getbands()) > 1
    if apart and ((plain and bits > 8) or len(picture.getbands()) == 2):
        return False
    if bits <= 8 and _SIGNED in tags.get(_SAMPLE_FORMAT, (1,)):
        return False
    return bool(plain or bits <= 16 or tags.prefix == b"II")


def _describe_unknown(head: bytes) -> str:
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if not head:
        return "it is empty (0 bytes; a file object is read from where it stands)"
    for plugin in PLUGINS:
        if plugin.accepts(head):
            return f"it is a {plugin.title} picture, {plugin.advice}; or convert it to JPEG"
    if what := _not_a_picture(head, brand):
        return f"it is {what}, not a picture"
    return f"it is not a picture of a known format (known: {', '.join(_FORMATS)})"


def _not_a_picture(head: bytes, brand: bytes) -> str:
    if brand and brand not in (b"avif", b"avis"):
        return "a video (MP4 or QuickTime)"
    for offset, magic, what in _NOT_PICTURES:
        if head.startswith(magic, offset):
            return what
    if not head.translate(None, string.printable.encode()):
        return f"text (it begins with {head[:32].decode('ascii')!r})"
    return ""


def _decode_jpeg(stream: BinaryIO, picture: PillowImage.Image) -> Image | None:
    """The pixels of a plain JPEG, or None where Pillow has to do it.

    OpenCV gives the same pixels as Pillow in two thirds of the time. But it inverts CMYK
    otherwise, and some versions fill up with grey what a file that is cut short lacks.
    """
    if picture.format not in ("JPEG", "MPO") or picture.mode not in ("L", "RGB"):
        return None
    stream.seek(0)
    data = stream.read()
    if not data.endswith(_JPEG_END):
        return None
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, dtype=np.uint8)


def _orientation(picture: PillowImage.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the EXIF data are damaged."""
    try:
        value = picture.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - any damage to EXIF data, which the picture can do without
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(pixels: Image, orientation: int) -> Image:
    """Turns the pixels of a file as its EXIF orientation, 1 to 8, says."""
    upright: AnyArray = pixels
    if orientation >= 5:
        upright = cv2.transpose(upright)
    if orientation in FLIPS:
        upright = cv2.flip(upright, FLIPS[orientation])
    return np.asarray(upright, dtype=np.uint8)
