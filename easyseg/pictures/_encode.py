"""Encodes pictures with OpenCV, the only place where RGB is turned into BGR."""

from collections.abc import Sequence

import cv2
import numpy as np

from easyseg._types import AnyArray, plain
from easyseg.errors import InputError, MediaError
from easyseg.pictures._pixels import over_white

_EXTENSIONS = {
    ".jpg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    ".png": (".png",),
    ".webp": (".webp",),
    ".tiff": (".tif", ".tiff"),
    ".bmp": (".bmp", ".dib"),
    ".ppm": (".ppm",),
}
"""The formats, by the extension OpenCV knows, and the extensions a user may write."""

_FORMATS = {spelling: name for name, spellings in _EXTENSIONS.items() for spelling in spellings}
_WITHOUT_ALPHA = (".jpg", ".bmp", ".ppm")
_LONGEST_SIDE = {".jpg": 65_500, ".webp": 16_383}
_DEFAULT_QUALITY = 95
_SHARP_QUALITY = 90
"""From this JPEG quality on, colours are kept at full resolution, and class borders sharp."""


def format_of(extension: str) -> str:
    """Finds the format of an extension, as OpenCV names it.

    Raises:
        MediaError: Pictures with this extension cannot be written.
    """
    known = _FORMATS.get(f".{extension.lower().removeprefix('.')}")
    if known is None:
        raise MediaError(
            f"cannot write pictures with the extension {extension!r}: "
            f"expected one of {', '.join(sorted(_FORMATS))}"
        )
    return known


def encode_array(image: AnyArray, extension: str, quality: int | None) -> bytes:
    """Does the work of `easyseg.pictures.image.encode`."""
    format_name = format_of(extension)
    _check_image(image)
    parameters = _parameters(format_name, quality)
    limit = _LONGEST_SIDE.get(format_name, max(image.shape))
    if max(image.shape) > limit:
        height, width = image.shape[:2]
        raise MediaError(
            f"{extension} holds pictures of at most {limit} pixels a side, got {width}x{height}; "
            "write a .png or .tiff, or resize the picture"
        )
    try:
        done, data = cv2.imencode(format_name, _to_bgr(image, format_name), parameters)
    except cv2.error as error:
        raise MediaError(f"cannot encode the picture as {extension}: {error.err}") from error
    if not done:
        raise MediaError(f"cannot encode the picture as {extension}; try .png")
    return data.tobytes()


def _check_image(image: AnyArray) -> None:
    if not isinstance(image, np.ndarray):
        raise InputError(f"expected a numpy array, got {type(image).__name__}")
    if image.dtype != np.uint8:
        advice = "; write a mask as mask.astype('uint8') * 255" if image.dtype == bool else ""
        raise InputError(f"expected an image of uint8, 0 to 255, got {image.dtype}{advice}")
    shape = image.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))) or 0 in shape:
        raise InputError(
            "expected an image of shape (height, width), (height, width, 3) RGB or "
            f"(height, width, 4) RGBA and at least 1x1 pixels, got shape {shape}"
        )


def _parameters(format_name: str, quality: int | None) -> Sequence[int]:
    if quality is None:
        quality = _DEFAULT_QUALITY
    quality = plain(quality)
    if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100:
        raise InputError(f"expected a quality from 1 to 100, got {quality!r}")
    if format_name == ".jpg":
        sharp = quality >= _SHARP_QUALITY
        sampling = (
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if sharp else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
        )
        return (
            *(cv2.IMWRITE_JPEG_QUALITY, quality),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling),
        )
    if format_name == ".webp":
        return (cv2.IMWRITE_WEBP_QUALITY, quality)
    return ()


def _to_bgr(image: AnyArray, format_name: str) -> AnyArray:
    image = np.ascontiguousarray(image)
    if image.ndim == 2:
        return image if format_name != ".ppm" else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 3:
        return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if format_name in _WITHOUT_ALPHA:
        return cv2.cvtColor(over_white(image), cv2.COLOR_RGB2BGR)
    return cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA)
