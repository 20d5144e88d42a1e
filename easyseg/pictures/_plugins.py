"""Formats that Pillow reads with a plug-in, each in a package of its own: HEIF and JPEG XL."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image as PillowImage

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JXL_STREAM, _JXL_BOXES = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_JXL_LENGTHS = (9, 13, 18, 30)
_JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True)
class Plugin:
    """What reads a format.

    Attributes:
        format: Its name in Pillow.
        title: Its name for people.
        module: What is imported.
        package: What installs it, by its name on the index.
        extensions: Of its files, lower case with the dot.
        accepts: Tells the format by the first bytes of a file.
    """

    format: str
    title: str
    module: str
    package: str
    extensions: tuple[str, ...]
    accepts: Callable[[bytes], bool]

    @property
    def is_there(self) -> bool:
        """Whether it is installed, or the program has registered another for the format."""
        return self.format in PillowImage.OPEN or bool(importlib.util.find_spec(self.module))

    @property
    def advice(self) -> str:
        """Says what to do without it."""
        return f"which pip install {self.package} reads"

    def load(self) -> None:
        """Registers it with Pillow, unless something is registered for the format."""
        if self.format not in PillowImage.OPEN and self.is_there:
            module = importlib.import_module(self.module)
            if hasattr(module, "register_heif_opener"):  # the other one registers itself
                module.register_heif_opener(thumbnails=False)


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _is_jpeg_xl(head: bytes) -> bool:
    return head.startswith((_JXL_STREAM, _JXL_BOXES))


PLUGINS = (
    Plugin("HEIF", "HEIF", "pillow_heif", "pillow-heif", (".heic", ".heif", ".hif"), _is_heif),
    Plugin("JXL", "JPEG XL", "pillow_jxl", "pillow-jxl-plugin", (".jxl",), _is_jpeg_xl),
)

PLUGIN_OF = {extension: plugin for plugin in PLUGINS for extension in plugin.extensions}
"""The plug-in that reads the files with an extension."""


def jpeg_xl_size(data: bytes) -> tuple[int, int] | None:
    """Reads width and height of a JPEG XL file, whose plug-in decodes it before it tells them.

    Args:
        data: The file, or its beginning as far as the picture's first bytes.

    Returns:
        None where they are not found.

    Source:
        SizeHeader of ISO/IEC 18181-1; boxes of 18181-2.
    """
    while data and not data.startswith(_JXL_STREAM):
        length, kind = int.from_bytes(data[:4], "big"), data[4:8]
        if kind in (b"jxlc", b"jxlp"):
            data = data[12 if kind == b"jxlp" else 8 :]
            break
        if length < 8:
            return None
        data = data[length:]
    if len(data) < 12:
        return None
    bits = int.from_bytes(data[2:14], "little")

    def take(number: int) -> int:
        nonlocal bits
        value = bits & ((1 << number) - 1)
        bits >>= number
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_JXL_LENGTHS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    across, down = _JXL_RATIOS[ratio - 1]
    return height * across // down, height
