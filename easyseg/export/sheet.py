"""Contact sheets: many small overlays on a page, each with its name."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from easyseg._types import Color, Image, LabelMap, PathLike
from easyseg.drawing import draw
from easyseg.errors import InputError
from easyseg.files import check_target
from easyseg.labels import LabelSet
from easyseg.pictures.image import resize, write
from easyseg.render import overlay
from easyseg.render.legend import percent

_PAPER: Color = (255, 255, 255)
_INK: Color = (34, 38, 46)
_PALE: Color = (110, 116, 128)
_TEXT = 13
_GAP = 12
_CAPTION = 2 * round(1.4 * _TEXT)
_KINDS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


def thumbnail(image: Image, labels: LabelMap, label_set: LabelSet, size: tuple[int, int]) -> Image:
    """Makes a small overlay.

    Args:
        image: RGB uint8 (H, W, 3).
        labels: (H, W) uint8 class ids.
        label_set: Gives the colours.
        size: (height, width) in pixels that it fits into; it is never larger than the picture.

    Returns:
        A new RGB uint8 image of the picture's proportions.
    """
    height, width = labels.shape
    scale = min(1.0, size[0] / height, size[1] / width)
    small = (max(1, round(scale * height)), max(1, round(scale * width)))
    picture, ids = resize(image, small, "area"), resize(labels, small, "nearest")
    return overlay(picture, ids, label_set, outline=False, legend=False)


class ContactSheet:
    """Puts many small overlays on pages; one page at a time is in memory.

    The pages after the first are `NAME-2.jpg`, `NAME-3.jpg` and so on.

    Args:
        path: The first page: a `.jpg`, `.png` or the like.
        columns: Pictures side by side.
        rows: Rows on a page.
        cell: (height, width) in pixels of the place for a picture.

    Raises:
        InputError: If the extension is another, or a number is below 1.
        MediaError: If the file cannot be written.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        columns: int = 6,
        rows: int = 8,
        cell: tuple[int, int] = (168, 224),
    ) -> None:
        self._path = Path(path).expanduser()
        if self._path.suffix.lower() not in _KINDS:
            raise InputError(f"a contact sheet is a {', '.join(_KINDS)} file, not {str(path)!r}")
        if min(columns, rows, *cell) < 1:
            raise InputError("a contact sheet needs at least one column and one row, of a pixel")
        number = 1
        while number == 1 or self._page_path(number).exists():  # pages that are there are replaced
            check_target(self._page_path(number))
            number += 1
        self._columns, self._rows, self._cell = columns, rows, cell
        self._page: Image | None = None
        self._on_page = 0
        self.pages: list[Path] = []

    def add(
        self,
        image: Image,
        labels: LabelMap,
        label_set: LabelSet,
        name: str,
        ratios: Mapping[str, float],
    ) -> None:
        """Adds a picture.

        Args:
            image: RGB uint8 (H, W, 3).
            labels: (H, W) uint8 class ids.
            label_set: Gives the colours.
            name: Stands below it.
            ratios: Share of each class, 0 to 1, the largest first; the first ones stand below.

        Raises:
            MediaError: If a full page cannot be written.
        """
        if self._page is None:
            self._page = np.full((*self._size(self._rows), 3), _PAPER, np.uint8)
        row, column = divmod(self._on_page, self._columns)
        height, width = self._cell
        top = _GAP + row * (height + _CAPTION + _GAP)
        left = _GAP + column * (width + _GAP)
        small = thumbnail(image, labels, label_set, self._cell)
        y, x = top + height - small.shape[0], left + (width - small.shape[1]) // 2
        self._page[y : y + small.shape[0], x : x + small.shape[1]] = small
        shares = _shares(ratios, width)
        _write_line(self._page, top + height, left, width, name, _INK)
        _write_line(self._page, top + height + _CAPTION // 2, left, width, shares, _PALE)
        self._on_page += 1
        if self._on_page == self._columns * self._rows:
            self._finish_page()

    def close(self) -> None:
        """Writes the last page, cut to what is on it.

        Raises:
            MediaError: If it cannot be written.
        """
        if self._on_page:
            self._finish_page()

    def _finish_page(self) -> None:
        if self._page is None:
            return
        rows = -(-self._on_page // self._columns)
        height, width = self._size(rows)
        if rows == 1:
            width = _GAP + self._on_page * (self._cell[1] + _GAP)
        target = self._page_path(len(self.pages) + 1)
        page, self._page, self._on_page = self._page[:height, :width], None, 0
        self.pages.append(write(target, np.ascontiguousarray(page)))

    def _page_path(self, number: int) -> Path:
        name = f"{self._path.stem}{f'-{number}' if number > 1 else ''}{self._path.suffix}"
        return self._path.with_name(name)

    def _size(self, rows: int) -> tuple[int, int]:
        height, width = self._cell
        return _GAP + rows * (height + _CAPTION + _GAP), _GAP + self._columns * (width + _GAP)


def _write_line(page: Image, top: int, left: int, width: int, text: str, color: Color) -> None:
    """Writes a line of text, cut in its middle where it is too long."""
    height = _CAPTION // 2
    words = _fitting(text, width)
    builder = draw.SpriteBuilder(2 * height, width + _TEXT)
    builder.add_text(height, 0, words, _TEXT, color)
    sprite = builder.build()
    visible = draw.Sprite(
        np.ascontiguousarray(sprite.color[: height + _TEXT // 3, :width]),
        np.ascontiguousarray(sprite.opacity[: height + _TEXT // 3, :width]),
    )
    visible.draw_onto_(page, top, left)


def _shares(ratios: Mapping[str, float], width: int) -> str:
    """As many of the largest shares as fit into a line."""
    words = [f"{name} {percent(ratio)}" for name, ratio in ratios.items()]
    line = ", ".join(words[:1])
    for count in range(2, len(words) + 1):
        longer = ", ".join(words[:count])
        if draw.text_width(longer, _TEXT) > width:
            break
        line = longer
    return line


def _fitting(text: str, width: int) -> str:
    if draw.text_width(text, _TEXT) <= width:
        return text
    kept = len(text)
    while kept > 2:
        kept -= 1
        short = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
        if draw.text_width(short, _TEXT) <= width:
            return short
    return text[:1]
