"""Reads and writes label maps: files whose pixels are class ids, exactly as they are stored."""

import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageFile, UnidentifiedImageError

from easyseg._types import AnyArray, LabelMap, PathLike
from easyseg.errors import MediaError

MASK_EXTENSIONS: frozenset[str] = frozenset([".png", ".bmp", ".gif", ".tif", ".tiff"])
"""Extensions of the files that `read_labels` reads: lossless formats, lower case with the dot."""

_FORMATS = ("PNG", "BMP", "GIF", "TIFF")
# Pillow stretches grey values of 2 and 4 bits over 0..255; these factors undo it exactly.
_STRETCH = {"L;2": 85, "L;4": 17}


def read_labels(source: PathLike | bytes, *, name: str | None = None) -> LabelMap:
    """Reads the ids that a mask file holds.

    A palette picture gives its indices and not its colours; a grey one gives its stored values,
    whatever its bit depth. Nothing is scaled, rounded, rotated or converted to RGB.

    Args:
        source: A path, or the bytes of a file: PNG, BMP, GIF or TIFF.
        name: What the mask is called in errors; None is its path.

    Returns:
        uint8 (H, W), read-only or not as it comes; values 0 to 255.

    Raises:
        MediaError: If the file is not there, is damaged or no such picture, has colours instead of
            ids, or holds an id above 255.
    """
    shown = name or ("a mask" if isinstance(source, bytes) else repr(os.fspath(source)))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise MediaError(f"cannot read the mask {shown}: {error.strerror or error}") from error
    try:
        with PillowImage.open(io.BytesIO(data), formats=_FORMATS) as picture:
            factor = _stretch(picture)
            picture.load()
            ids, mode = np.asarray(picture), picture.mode
    except UnidentifiedImageError as error:
        raise MediaError(
            f"cannot read the mask {shown}: it is none of {', '.join(_FORMATS)}. Masks must be "
            "lossless: JPEG and WebP change the ids"
        ) from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        PillowImage.DecompressionBombError,
    ) as error:
        raise MediaError(f"cannot read the mask {shown}, it seems damaged: {error}") from error
    return _as_labels(ids, mode, factor, shown)


def encode_labels(labels: LabelMap, palette: npt.NDArray[np.uint8] | None = None) -> bytes:
    """Encodes a label map as PNG.

    Args:
        labels: (H, W) uint8.
        palette: (256, 3) uint8 RGB, the colour that viewers show for each value; None makes a grey
            picture. The values are the same either way.

    Returns:
        The bytes of the file.
    """
    picture = PillowImage.fromarray(np.ascontiguousarray(labels))
    if palette is not None:
        picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _stretch(picture: PillowImage.Image) -> int:
    """Finds the factor by which Pillow is going to multiply the stored values."""
    tiles = picture.tile if isinstance(picture, ImageFile.ImageFile) else []
    arguments = tiles[0][3] if tiles else ""
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return _STRETCH.get(str(raw_mode)[:3], 1)


def _as_labels(ids: AnyArray, mode: str, factor: int, shown: str) -> LabelMap:
    if mode not in ("1", "L", "P") and not mode.startswith("I"):
        raise MediaError(
            f"the mask {shown} is a picture of mode {mode}, with colours instead of class ids: "
            "save the id of each pixel as a grey or palette PNG (mode L or P)"
        )
    if mode.startswith("I") and (ids.min() < 0 or ids.max() > 255):
        raise MediaError(
            f"the mask {shown} holds ids from {ids.min()} to {ids.max()}: easyseg takes ids from 0 "
            "to 254, and 255 for void"
        )
    return ids.astype(np.uint8) // np.uint8(factor)
