"""Reads, writes and resizes pictures: whatever comes in, RGB uint8 (H, W, 3) goes on."""

import contextlib
import importlib.util
import io
import operator
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, Union

import cv2
import numpy as np
from PIL import Image as PillowImage

from easyseg._types import AnyArray, Image, PathLike, plain
from easyseg.errors import InputError, MediaError
from easyseg.files import check_target, open_to_read, replace_file
from easyseg.options.pictures import MAX_PIXELS
from easyseg.pictures._decode import OtherTiffError, decode, pillow_to_rgb
from easyseg.pictures._encode import encode_array, format_of
from easyseg.pictures._pixels import to_rgb
from easyseg.pictures._plugins import PLUGIN_OF

if TYPE_CHECKING:
    import torch

__all__ = [
    "IMAGE_EXTENSIONS",
    "ImageSource",
    "OTHER_EXTENSIONS",
    "encode",
    "read",
    "resize",
    "unread",
    "write",
]

ImageSource: TypeAlias = Union[
    str,
    os.PathLike[str],
    bytes,
    bytearray,
    memoryview,
    IO[bytes],
    PillowImage.Image,
    AnyArray,
    "torch.Tensor",
]
"""Anything `read` takes for one picture."""

IMAGE_EXTENSIONS: frozenset[str] = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".png", ".apng", ".webp", ".gif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k"),
        *((".avif",) if importlib.util.find_spec("PIL._avif") else ()),
        *(extension for extension, plugin in PLUGIN_OF.items() if plugin.is_there),
    }
)
"""Extensions of the files that `read` reads, lower case with the dot: for searching folders."""

OTHER_EXTENSIONS: dict[str, str] = {
    **{extension: plugin.advice for extension, plugin in PLUGIN_OF.items()},
    ".avif": "which needs Pillow 11.3 or later",
}
"""Extensions of pictures that some installations read, and what this one needs for them."""

_INTERPOLATIONS = {
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "nearest": cv2.INTER_NEAREST_EXACT,
}
_RESIZABLE = ("uint8", "uint16", "float32", "float64")


def unread(paths: Iterable[Path]) -> str:
    """Says which pictures among some files this installation does not read, and what would.

    Returns:
        `3 .heic files, which pip install pillow-heif reads`; empty where there are none.
    """
    suffixes = Counter(path.suffix.lower() for path in paths)
    return "; ".join(
        f"{suffixes[suffix]} {suffix} file{'s' * (suffixes[suffix] > 1)}, {advice}"
        for suffix, advice in OTHER_EXTENSIONS.items()
        if suffixes[suffix] and suffix not in IMAGE_EXTENSIONS
    )


def read(
    source: ImageSource,
    *,
    color: Literal["rgb", "bgr"] = "rgb",
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Reads one picture from wherever it is.

    Files are told apart by their content, not by their name. Their EXIF orientation is applied,
    transparency is laid over white, CMYK and 16 bits become RGB and 8 bits, and of an animation or
    a file of several pages the first picture is taken. Colours are turned into sRGB by the file's
    ICC profile, or from Adobe RGB where the EXIF data say so; what is made of them is sRGB, too.

    Arrays, tensors and PIL images are taken as they stand, without rotation, so that the result
    fits them pixel by pixel; colours of the latter are turned into sRGB, too. What the values of
    arrays mean follows from the dtype alone: bool is black and white, uint8 is 0..255, uint16 is
    0..65535, and float is 0..1.

    Args:
        source: A path, an http(s) URL, the bytes of a file, a binary file object (read from where
            it stands to its end), a PIL image, an array of shape (H, W) or (H, W, 1, 3 or 4), or a
            tensor of shape (H, W), (1, 3 or 4, H, W) or (H, W, 1, 3 or 4); a tensor that could be
            either has its channels first.
        color: Order of the channels of an array or a tensor: "bgr" for what OpenCV returns. Files
            and PIL images know their own.
        max_pixels: Limit on width times height, checked before a picture is decoded.

    Returns:
        RGB uint8 (H, W, 3), C-contiguous and writable, sharing no memory with the source.

    Raises:
        InputError: The source is of another kind, shape or dtype, or floats leave 0..1.
        MediaError: The file cannot be read: missing, no picture, damaged, cut short, too large.
        DownloadError: The URL cannot be fetched.
    """
    max_pixels = plain(max_pixels)
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int) or max_pixels < 1:
        raise InputError(f"expected max_pixels to be a whole number from 1, got {max_pixels!r}")
    if color not in ("rgb", "bgr"):
        raise InputError(f'expected color to be "rgb" or "bgr", got {color!r}')
    if isinstance(source, np.ndarray):
        return to_rgb(np.asarray(source), color)
    if _is_tensor(source):
        return to_rgb(_tensor_to_array(source), color)
    if isinstance(source, PillowImage.Image):
        return pillow_to_rgb(source, "the PIL image", max_pixels)
    with _open(source) as (stream, name):
        try:
            return decode(stream, name, max_pixels)
        except OtherTiffError:
            from easyseg.pictures._tiff_reader import read_whole

            return read_whole(stream, name, max_pixels)


def write(path: PathLike, image: AnyArray, *, quality: int | None = None) -> Path:
    """Writes a picture to a file, in the format that the extension names.

    The file appears at once and whole: when anything goes wrong, Ctrl-C and a full disk included,
    one that was there before is untouched.

    Args:
        path: Ends in .jpg, .jpeg, .jpe, .jfif, .png, .webp, .tif, .tiff, .bmp, .dib or .ppm.
        image: uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA. Where the format has no alpha
            (JPEG, BMP, PPM), it is laid over white.
        quality: 1 to 100, for JPEG and WebP; 95 when None. The others lose nothing and ignore it.
            From 90 on a JPEG keeps its colours at full resolution, for sharp class borders.

    Returns:
        The path.

    Raises:
        InputError: The image has another dtype or shape, or the quality is out of range.
        MediaError: The extension is not known, the folder is missing, or the file cannot be
            written.
    """
    target = Path(path)
    format_of(target.suffix)
    check_target(target)
    replace_file(target, encode(image, target.suffix, quality=quality))
    return target


def encode(image: AnyArray, extension: str = ".png", *, quality: int | None = None) -> bytes:
    """Encodes a picture to the bytes of a file.

    Args:
        image: As in `write`.
        extension: Names the format, as in `write`; with or without the dot.
        quality: As in `write`.

    Returns:
        What the file would hold.

    Raises:
        InputError: The image has another dtype or shape, or the quality is out of range.
        MediaError: The extension is not known, or the picture is larger than the format can hold.
    """
    return encode_array(image, extension, quality)


def resize(
    image: AnyArray,
    size: tuple[int, int],
    interpolation: Literal["area", "bilinear", "bicubic", "nearest"] = "bilinear",
) -> AnyArray:
    """Resizes a picture, a label map or a map of numbers.

    Args:
        image: (H, W) or (H, W, C) with 1 to 4 channels; uint8, uint16, float32 or float64.
        size: Height and width of the result, each at least 1.
        interpolation: "area" averages along a side that shrinks and is bilinear along one that
            grows; "bilinear" and "bicubic" look at the nearest pixels only, so they alias when
            they shrink a lot; "nearest" invents no new values and is the one for label maps. All
            of them hold the centres of the pixels in place (align_corners=False).

    Returns:
        A new array of the same dtype and number of dimensions, also when the size is the same.

    Raises:
        InputError: The image, the size or the interpolation is another.
    """
    height, width = _checked_size(size)
    _check_resizable(image)
    source = np.ascontiguousarray(image)
    if source.shape[:2] == (height, width):
        return source.copy()
    if interpolation == "area":
        resized = _resize_area(source, height, width)
    elif interpolation in _INTERPOLATIONS:
        resized = cv2.resize(source, (width, height), interpolation=_INTERPOLATIONS[interpolation])
    else:
        known = ", ".join(["area", *_INTERPOLATIONS])
        raise InputError(f"expected interpolation to be one of {known}, got {interpolation!r}")
    return np.asarray(resized).reshape(height, width, *image.shape[2:])


def _resize_area(source: AnyArray, height: int, width: int) -> AnyArray:
    # OpenCV averages only where both sides shrink, so the one that does shrinks first.
    shrunk = (min(height, source.shape[0]), min(width, source.shape[1]))
    if shrunk != source.shape[:2]:
        source = cv2.resize(source, shrunk[::-1], interpolation=cv2.INTER_AREA)
    if shrunk != (height, width):
        source = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR)
    return source


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected size to be (height, width) in pixels, got {size!r}") from error
    if height < 1 or width < 1:
        raise InputError(f"expected a height and width of at least 1, got {size!r}")
    return height, width


def _check_resizable(image: AnyArray) -> None:
    shape = image.shape
    if 0 in shape or not (len(shape) == 2 or (len(shape) == 3 and shape[2] <= 4)):
        raise InputError(
            "expected an array of shape (height, width) or (height, width, 1 to 4) and at least "
            f"1x1 pixels, got shape {shape}"
        )
    if image.dtype.name not in _RESIZABLE or not image.dtype.isnative:
        raise InputError(
            f"expected an array of {', '.join(_RESIZABLE)} to resize, got {image.dtype}; "
            "convert it with .astype()"
        )


@contextlib.contextmanager
def _open(source: Any) -> Iterator[tuple[BinaryIO, str]]:
    """Opens whatever holds the bytes of a picture file; gives it with its name for errors."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(bytes(source)), "the bytes"
    elif hasattr(source, "read"):
        name = getattr(source, "name", None)
        yield io.BytesIO(_read_all(source)), str(name) if name else "the file object"
    elif isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        from easyseg.download import read_url  # the network, for URLs alone

        yield io.BytesIO(read_url(source)), source
    else:
        path = _path(source)
        with open_to_read(path) as file:
            yield (file if file.seekable() else io.BytesIO(file.read())), str(path)


def _read_all(file: Any) -> bytes:
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: the file is closed
        raise MediaError(f"cannot read from the file object: {error}") from error
    if not isinstance(data, bytes):
        raise InputError(
            f"expected a file object that gives bytes, got {type(data).__name__}; open the file "
            'in binary mode, "rb"'
        )
    return data


def _path(source: Any) -> Path:
    if not isinstance(source, (str, os.PathLike)):
        advice = ""
        if source is None:
            advice = "; cv2.imread returns None for a file it cannot read: pass the path itself"
        elif isinstance(source, (list, tuple)):
            advice = "; it is one picture at a time"
        raise InputError(
            "expected a path, a URL, bytes, a binary file object, a PIL image, a numpy array or a "
            f"torch tensor, got {type(source).__name__}{advice}"
        )
    text = os.fsdecode(source)
    if not text:
        raise InputError("expected the path of a picture, got an empty text")
    return Path(text)


def _is_tensor(source: Any) -> bool:
    # Whoever holds a tensor has imported torch; for the others it stays unloaded.
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return tensor is not None and isinstance(source, tensor)


def _tensor_to_array(tensor: Any) -> AnyArray:
    """The values of a tensor on the CPU, channels last."""
    try:
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.float()  # numpy has no bfloat16
        array: AnyArray = tensor.numpy()
    except (TypeError, RuntimeError) as error:  # sparse, quantised, without storage
        raise InputError(f"expected a dense tensor, got one without values: {error}") from error
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return array.transpose(1, 2, 0)
    return array
