"""Colour profiles: from what the numbers of a file mean to sRGB, which they mean elsewhere here."""

import contextlib
import io
import itertools
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags
from PIL import Image as PillowImage

from easyseg._types import AnyArray, Image

_ALIKE = 2
"""A profile that moves no colour by more than so many levels is sRGB by another name: converting
would cost a tenth of a second for nothing that could be seen."""

_UNCALIBRATED = 0xFFFF
_ADOBE = "R03"
_INTEROPERABILITY_INDEX = 1

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""Red, green and blue of Adobe RGB (1998) as XYZ, adapted to D50; its gamma is 563/256."""


def profile_of(picture: PillowImage.Image) -> bytes:
    """Finds the profile of a picture that Pillow has opened; empty where it brings none.

    Cameras that follow DCF write Adobe RGB without a profile, with a mark in their EXIF data.
    """
    profile = picture.info.get("icc_profile")
    if profile:
        return bytes(profile)
    with contextlib.suppress(Exception):  # any damage to EXIF data, which it can do without
        exif = picture.getexif()
        if exif and exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) == _UNCALIBRATED:
            names = exif.get_ifd(ExifTags.IFD.Interop)
            if str(names.get(_INTEROPERABILITY_INDEX, "")).startswith(_ADOBE):
                return matrix_profile(ADOBE_RGB, 563 / 256)
    return b""


def in_srgb(pixels: Image, profile: bytes) -> Image:
    """Converts the numbers of a picture.

    Args:
        pixels: RGB uint8 (H, W, 3), as they stand in the file.
        profile: Its ICC profile, for RGB or grey; one that is empty, damaged or for anything else
            changes nothing.

    Returns:
        The same in sRGB, as the profile's maker meant it (perceptual), by LittleCMS.
    """
    if not profile:
        return pixels
    space = profile[16:20]
    if space == b"GRAY":
        table = _grey_table(profile)
        return pixels if table is None else np.asarray(cv2.LUT(pixels, table), np.uint8)
    transform = _transform(profile, "RGB") if space == b"RGB " else None
    if transform is None or _changes_nothing(profile):
        return pixels
    return _applied(transform, PillowImage.fromarray(pixels))


def cmyk_in_srgb(picture: PillowImage.Image) -> Image | None:
    """Converts a CMYK picture by its own profile; None where it has none for that.

    Args:
        picture: Loaded, of mode CMYK.
    """
    profile = profile_of(picture)
    transform = _transform(profile, "CMYK") if profile[16:20] == b"CMYK" else None
    return None if transform is None else _applied(transform, picture)


def _applied(transform: Any, picture: PillowImage.Image) -> Image:
    from PIL import ImageCms

    return np.array(ImageCms.applyTransform(picture, transform))


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> Any:
    """What converts pictures of a mode; None where the profile does not serve."""
    try:
        from PIL import ImageCms

        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, target, mode, "RGB")
    except Exception:  # noqa: BLE001 - any damage, or a Pillow without LittleCMS: as without one
        return None


@lru_cache(maxsize=32)
def _changes_nothing(profile: bytes) -> bool:
    transform = _transform(profile, "RGB")
    levels = np.linspace(0, 255, 6).round().astype(np.uint8)
    colors = np.array([*itertools.product(levels, repeat=3)], np.uint8)[None]
    converted = _applied(transform, PillowImage.fromarray(colors))
    return bool(np.abs(converted.astype(int) - colors).max() <= _ALIKE)


@lru_cache(maxsize=32)
def _grey_table(profile: bytes) -> AnyArray | None:
    """The sRGB of each grey, (256, 1, 3)."""
    transform = _transform(profile, "L")
    if transform is None:
        return None
    greys = PillowImage.fromarray(np.arange(256, dtype=np.uint8)[:, None])
    return _applied(transform, greys)


@lru_cache(maxsize=8)
def matrix_profile(primaries: Sequence[Sequence[float]], gamma: float) -> bytes:
    """Makes an ICC profile (version 2, ICC.1:2001-04) of three primaries and a gamma.

    Args:
        primaries: XYZ of red, green and blue, adapted to D50, each three numbers.
        gamma: Of all three.
    """
    white = (0.9642, 1.0, 0.8249)
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)
    tags = [(b"wtpt", _xyz(white))]
    tags += [
        (name, _xyz(xyz)) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags:
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value
    size = start + len(data)
    head = struct.pack(">I4xI", size, 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", *(round(v * 65536) for v in white))
    return head.ljust(128, b"\0") + table + data


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))
