"""Fonts for any language: Pillow's own, or one of the system's that has the letters."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import ImageFont

from easyseg.errors import MediaError

_NO_LETTER = "\uffff"
"""No font has it, so that it looks as every letter does that a font lacks."""

_SHAPELESS = " \u200c\u200d"
"""The blank, and what joins letters or keeps them apart."""

_FOLDERS = {
    "win32": (r"C:\Windows\Fonts",),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
}
_OTHER_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_WIDE = ("cjk", "yahei", "msgothic", "malgun", "pingfang", "hiragino", "unicode", "wqy", "dejavu")
"""Parts of the names of fonts of many letters, which are tried first."""

_MOST_FONTS, _PATIENCE = 300, 5.0
"""How many fonts are opened, and for how many seconds fontconfig is asked."""


@lru_cache(maxsize=64)
def own_font(size: int) -> ImageFont.FreeTypeFont:
    """Gives Pillow's own font, which has the letters of ASCII, at `size` pixels."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # a Pillow without FreeType: no scalable text
        raise MediaError("drawing text needs a Pillow built with FreeType, as in its wheels")
    return font


@lru_cache(maxsize=64)
def font_for(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """Finds a font that has all letters of a text.

    Args:
        text: One line.
        size: In pixels.

    Returns:
        None where no font of this machine has them.
    """
    if _is_plain(text):
        return own_font(size)
    found = _system_font("".join(sorted(frozenset(text))))
    if found is None:
        return None
    path, index = found
    return ImageFont.truetype(path, size, index=index)


def writable(text: str, size: int) -> str:
    """Gives a text, or what Pillow's own font can write of it where no font here has all letters.

    That is letters without their accents, and `?` for the others.
    """
    if font_for(text, size) is not None:
        return text
    letters = (unicodedata.normalize("NFKD", letter)[:1] for letter in text)
    return "".join(
        " " if letter.isspace() else letter if _is_plain(letter) else "?" for letter in letters
    )


def _is_plain(text: str) -> bool:
    """Whether Pillow's own font has all letters: it is asked of every number in every frame."""
    return text.isascii() and text.isprintable()


@lru_cache(maxsize=256)
def _system_font(letters: str) -> tuple[str, int] | None:
    """Finds a file, and the font in it, that has some letters."""
    tried: set[tuple[str, int]] = set()
    for path, index in _candidates(letters):
        if (path, index) not in tried and len(tried) < _MOST_FONTS:
            tried.add((path, index))
            with contextlib.suppress(OSError):  # a kind that FreeType does not read
                if _has(ImageFont.truetype(path, 16, index=index), frozenset(letters)):
                    return path, index
    return None


def _candidates(letters: str) -> Iterator[tuple[str, int]]:
    yield from _by_fontconfig(letters)
    spec = importlib.util.find_spec("matplotlib")
    if spec is not None and spec.origin:
        yield str(Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"), 0
    yield from ((path, 0) for path in _installed())


def _by_fontconfig(letters: str) -> Iterator[tuple[str, int]]:
    """Asks fontconfig, which knows the letters of every font without opening it."""
    program = shutil.which("fc-match")
    if program is None:
        return
    charset = " ".join(f"{ord(letter):x}" for letter in letters)
    question = [program, "--format=%{file}\t%{index}\n", f"sans:charset={charset}"]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        answer = subprocess.run(
            question, capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout.splitlines()
        for line in answer:
            path, _, index = line.partition("\t")
            # Beside the number of the font its index has that of a variable font's instance.
            yield path, int(index or 0) & 0xFFFF


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Lists the system's fonts, those of many letters first."""
    folders = _FOLDERS.get(sys.platform, _OTHER_FOLDERS)
    found = [
        str(Path(folder, name))
        for root in folders
        for folder, _, names in os.walk(Path(root).expanduser())
        for name in sorted(names)
        if name.lower().endswith((".ttf", ".ttc", ".otf"))
    ]
    return tuple(sorted(found, key=lambda path: not any(w in path.lower() for w in _WIDE)))


def _has(font: ImageFont.FreeTypeFont, letters: frozenset[str]) -> bool:
    missing = _drawn(font, _NO_LETTER)
    return all(
        letter in _SHAPELESS or (letter.isprintable() and _drawn(font, letter) != missing)
        for letter in letters
    )


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> tuple[Any, bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
