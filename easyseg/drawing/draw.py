"""Drawing primitives over OpenCV and Pillow: arrays in, new arrays out.

A function whose name ends in an underscore draws into the array it is given instead. Images are RGB
uint8 (H, W, 3), label maps uint8 (H, W), masks bool (H, W), tables have a row for each of the 256
values a label can take.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw

from easyseg._types import AnyArray, Color, FloatMap, Image, LabelMap, Mask
from easyseg.drawing.fonts import font_for, own_font, writable

ByteTable = npt.NDArray[np.uint8]

# Pixels counted at a time, which bounds the memory for intermediate arrays.
_COUNT_CHUNK = 1 << 24
# Above this share of selected pixels, a dense lookup is faster than picking them out one by one.
_SPARSE_SHARE = 0.08


def lookup(labels: LabelMap, table: ByteTable) -> Image:
    """Paint every pixel in the colour of its label.

    Args:
        labels: (H, W) uint8.
        table: (256, 3) uint8, the RGB colour of each value.

    Returns:
        A new (H, W, 3) uint8 RGB image, exactly ``table[labels]``.
    """
    return cast(
        Image, cv2.applyColorMap(_packed(labels), np.ascontiguousarray(table)[:, np.newaxis])
    )


def relabel(labels: LabelMap, table: ByteTable) -> LabelMap:
    """Replace every label by the table's entry.

    Args:
        labels: (H, W) uint8.
        table: (256,) uint8, the new value of each old one.

    Returns:
        A new (H, W) uint8 array, exactly ``table[labels]``.
    """
    return cast(LabelMap, cv2.LUT(_packed(labels), table))


def select(labels: LabelMap, ids: tuple[int, ...]) -> Mask:
    """Find the pixels that carry one of the ids.

    Args:
        labels: (H, W) uint8.
        ids: Values from 0 to 255, in any order.

    Returns:
        A new (H, W) bool array.
    """
    chosen = sorted(set(ids))
    if not chosen:
        return np.zeros(labels.shape, np.bool_)
    if chosen[-1] - chosen[0] == len(chosen) - 1:  # a run of ids: a comparison beats a table
        inside = cv2.inRange(_packed(labels), chosen[0], chosen[-1])
        return np.not_equal(inside, 0)
    table = np.zeros(256, np.uint8)
    table[chosen] = 1
    return relabel(labels, table).view(np.bool_)


def count(labels: LabelMap) -> npt.NDArray[np.int64]:
    """Count the pixels of each of the 256 possible labels.

    Args:
        labels: (H, W) uint8.

    Returns:
        (256,) int64, exact at any size.
    """
    flat = _packed(labels).reshape(-1)
    total = np.zeros(256, np.int64)
    for start in range(0, flat.size, _COUNT_CHUNK):
        total += _count_flat(flat[start : start + _COUNT_CHUNK])
    return total


def _count_flat(flat: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    changed = np.not_equal(flat[1:], flat[:-1])
    if np.count_nonzero(changed) > flat.size // 8:  # noise
        return np.bincount(flat, minlength=256)
    # Label maps are made of long runs, and there are far fewer runs than pixels.
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1))
    lengths = np.diff(starts, append=flat.size)
    return np.bincount(flat[starts], weights=lengths, minlength=256).astype(np.int64)


def borders(labels: LabelMap, thickness: int = 1) -> Mask:
    """Find the pixels at most ``thickness`` pixels away from another label, on both sides.

    The frame's own border is not a border between labels.

    Args:
        labels: (H, W) uint8.
        thickness: Width of the border on each side, in pixels, 1 or more.

    Returns:
        A new (H, W) bool array.
    """
    # A window holds several labels when one of the squares of 2x2 pixels in it does.
    squares = cv2.copyMakeBorder(_packed(labels), 0, 1, 0, 1, cv2.BORDER_REPLICATE)
    corner = squares[:-1, :-1]
    mixed = cv2.compare(corner, squares[:-1, 1:], cv2.CMP_NE)
    for other in (squares[1:, :-1], squares[1:, 1:]):
        cv2.bitwise_or(mixed, cv2.compare(corner, other, cv2.CMP_NE), dst=mixed)
    kernel = np.ones((2 * thickness, 2 * thickness), np.uint8)
    cv2.dilate(mixed, kernel, dst=mixed, anchor=(thickness, thickness))
    return np.not_equal(mixed, 0)


def blend(image: Image, color: Image, alpha: float, mask: Mask | None = None) -> Image:
    """Lay one image over another.

    Args:
        image: (H, W, 3) uint8, the one below.
        color: (H, W, 3) uint8, the one above.
        alpha: Share of ``color``, 0 to 1.
        mask: Where to blend; elsewhere the result is ``image``, untouched. None blends everywhere.

    Returns:
        A new (H, W, 3) uint8 image: ``(1 - alpha) * image + alpha * color``, rounded.
    """
    result = color.copy(order="C")
    blend_(result, image, alpha, mask)
    return result


def blend_(color: Image, image: Image, alpha: float, mask: Mask | None = None) -> None:
    """Do as `blend`, and write the result into ``color``, which must be contiguous."""
    below = _packed(image)
    cv2.addWeighted(below, 1 - alpha, color, alpha, 0, dst=color)
    if mask is not None and not mask.all():
        cv2.copyTo(below, np.logical_not(mask).view(np.uint8), color)


def paint_(canvas: Image, labels: LabelMap, table: ByteTable, mask: Mask) -> None:
    """Write the plain colour of their label into the masked pixels of ``canvas``.

    Args:
        canvas: (H, W, 3) uint8, contiguous and writable; drawn into.
        labels: (H, W) uint8.
        table: (256, 3) uint8, the RGB colour of each label.
        mask: The pixels to write.
    """
    flags = _packed(mask)
    if cv2.countNonZero(flags.view(np.uint8)) > _SPARSE_SHARE * flags.size:
        cv2.copyTo(lookup(labels, table), flags.view(np.uint8), canvas)
        return
    places = np.flatnonzero(flags)
    # As items of three bytes, colours are picked several times faster than as rows of three.
    colors = np.ascontiguousarray(table).view("V3")
    canvas.reshape(-1, 3).view("V3")[places] = colors[_packed(labels).reshape(-1)[places]]


@dataclass(frozen=True, eq=False)
class Sprite:
    """A small picture with soft edges, ready to be laid onto many images.

    Attributes:
        color: (h, w, 3) uint8 RGB.
        opacity: (h, w) float32, 0 (shows what is below) to 1.
    """

    color: Image
    opacity: FloatMap

    def draw_onto_(self, canvas: Image, top: int, left: int) -> None:
        """Lay the sprite onto ``canvas``, wholly inside of it, with its corner at (top, left)."""
        height, width = self.opacity.shape
        below = canvas[top : top + height, left : left + width]
        below[...] = cv2.blendLinear(
            np.ascontiguousarray(below), self.color, 1 - self.opacity, self.opacity
        )


class SpriteBuilder:
    """Stacks rounded rectangles and texts into a `Sprite`, later ones above earlier ones."""

    def __init__(self, height: int, width: int) -> None:
        self._premultiplied = np.zeros((height, width, 3), np.float32)
        self._opacity = np.zeros((height, width), np.float32)

    def add_rectangle(
        self,
        top: int,
        left: int,
        size: tuple[int, int],
        color: Color,
        *,
        radius: float = 0,
        opacity: float = 1,
    ) -> None:
        """Add a filled rectangle with rounded corners; ``size`` is (height, width)."""
        self._add(_rounded_rectangle(*size, radius) * np.float32(opacity), top, left, color)

    def add_text(self, baseline: int, left: int, text: str, size: int, color: Color) -> None:
        """Add one line of text of ``size`` pixels; it must lie inside the sprite."""
        line = _line(_words(text), size)
        self._add(line.coverage, baseline - line.above, left, color)

    def add_number(self, baseline: int, right: int, text: str, size: int, color: Color) -> None:
        """Add a number that ends at ``right``, without kerning, so that columns line up.

        It may overhang ``right`` by a pixel, which must lie inside the sprite.
        """
        line = _line(tuple(text), size)
        left = right - line.advance
        self._add(line.coverage, baseline - line.above, left, color)

    def build(self) -> Sprite:
        """Finish the sprite; the builder may go on being used."""
        visible = np.maximum(self._opacity, 1e-6)[..., np.newaxis]
        color = np.rint(self._premultiplied / visible).astype(np.uint8)
        return Sprite(color, self._opacity.copy())

    def _add(self, coverage: FloatMap, top: int, left: int, color: Color) -> None:
        height, width = coverage.shape
        place = (slice(top, top + height), slice(left, left + width))
        ink = coverage[..., np.newaxis] * np.asarray(color, np.float32)
        self._premultiplied[place] *= 1 - coverage[..., np.newaxis]
        self._premultiplied[place] += ink
        self._opacity[place] *= 1 - coverage
        self._opacity[place] += coverage


def can_write(text: str) -> bool:
    """Tells whether each word of a text has a font on this machine."""
    return all(font_for(word, 16) is not None for word in _words(text))


def text_width(text: str, size: int) -> int:
    """Measure the width in pixels of one line of text of ``size`` pixels."""
    return int(_line(_words(text), size).coverage.shape[1])


def number_width(text: str, size: int) -> int:
    """Measure the width in pixels of a number drawn by `SpriteBuilder.add_number`."""
    return _line(tuple(text), size).advance


def capital_height(size: int) -> int:
    """Measure the height in pixels of a capital letter in text of ``size`` pixels."""
    line = _line(("H",), size)
    inked = np.flatnonzero(line.coverage.any(axis=1)).tolist()
    return line.above - int(inked[0])


@dataclass(frozen=True, eq=False)
class _Line:
    """Rendered text, as (h, w) float32 coverage, 0 to 1.

    ``above`` counts its rows above the baseline; ``advance`` is where more text would go on, which
    the last letter may overhang by a pixel.
    """

    coverage: FloatMap
    above: int
    advance: int


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.split("( )", text))


@lru_cache(maxsize=1024)
def _line(pieces: tuple[str, ...], size: int) -> _Line:
    """Set pieces of text side by side, with a blank for every piece that is one.

    Each is in the font that has its letters; lines are as high in every font.
    """
    pieces = tuple(writable(piece, size) for piece in pieces)
    fonts = [font_for(piece, size) or own_font(size) for piece in pieces]
    above, below = own_font(size).getmetrics()
    # The font's own blank vanishes in small type, where it is rounded to two pixels.
    blank = round(0.25 * size)
    advances = [
        blank if piece == " " else round(font.getlength(piece))
        for piece, font in zip(pieces, fonts, strict=True)
    ]
    advance = sum(advances)
    canvas = PillowImage.new("L", (advance + size, above + below))
    pen = ImageDraw.Draw(canvas)
    for piece, font, left in zip(pieces, fonts, accumulate(advances, initial=0), strict=False):
        pen.text((left, above), piece, fill=255, font=font, anchor="ls")
    inked = canvas.getbbox() or (0, 0, 0, 0)
    width = max(advance, inked[2])
    coverage: FloatMap = np.asarray(canvas, np.float32)[:, :width] / np.float32(255)
    coverage.flags.writeable = False
    return _Line(coverage, above, advance)


@lru_cache(maxsize=64)
def _rounded_rectangle(height: int, width: int, radius: float) -> FloatMap:
    """Coverage, 0 to 1, of a filled (height, width) rectangle with corners of ``radius`` pixels."""
    radius = max(0.5, min(radius, height / 2, width / 2))  # half a pixel is a sharp corner
    # Distance of each pixel's centre from the rectangle of the corners' centres, per axis.
    down = np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - radius)
    across = np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - radius)
    distance = np.hypot(np.maximum(down, 0)[:, np.newaxis], np.maximum(across, 0))
    coverage: FloatMap = np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
    coverage.flags.writeable = False
    return coverage


def _packed(array: AnyArray) -> AnyArray:
    """OpenCV wants rows without gaps or negative strides; nothing is copied that has them so."""
    return np.ascontiguousarray(array)
