"""Tells what the installed OpenCV and Pillow can do: formats, windows."""

import io
import os
import re
import sys
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image as PillowImage

from easyseg.errors import MediaError
from easyseg.pictures.image import encode, read

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "TIFF": ".tif", "AVIF": ".avif"}
"""The formats that are tried, with their extensions."""


@dataclass(frozen=True)
class Format:
    """What was found about one format of pictures."""

    name: str
    reads: bool
    writes: bool


def formats() -> list[Format]:
    """Writes and reads a small picture in each format, in memory."""
    return [_format(name, extension) for name, extension in FORMATS.items()]


def window_backend() -> str | None:
    """Names the toolkit that OpenCV opens windows with.

    Returns:
        Such as "QT5", "GTK3", "COCOA", "WIN32UI"; None where OpenCV was built without one, as
        opencv-python-headless is.
    """
    match = re.search(r"^\s*GUI:\s*(\S+)", str(cv2.getBuildInformation()), re.MULTILINE)
    backend = match.group(1) if match else "NONE"
    return None if backend.upper() in ("NONE", "NO") else backend


def has_display() -> bool:
    """Tells whether there is a screen to open windows on; other systems than Linux have one."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _format(name: str, extension: str) -> Format:
    picture = np.full((16, 16, 3), (200, 60, 20), np.uint8)
    try:
        data = encode(picture, extension)
        writes = True
    except MediaError:
        writes = False
        data = _by_pillow(picture, name)
    try:
        reads = read(data).shape == picture.shape
    except MediaError:
        reads = False
    return Format(name, reads, writes)


def _by_pillow(picture: np.ndarray, name: str) -> bytes:
    """A file for the test of reading; empty where Pillow cannot make one."""
    file = io.BytesIO()
    try:
        PillowImage.fromarray(picture).save(file, name)
    except (OSError, KeyError):
        return b""
    return file.getvalue()
