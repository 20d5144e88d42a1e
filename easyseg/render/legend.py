"""A list of the classes in the picture, in its corner."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from easyseg._types import ClassSelection, Color, Image, LabelMap
from easyseg.drawing import draw
from easyseg.labels import LabelSet
from easyseg.render.check import check_image, drawn_ids
from easyseg.render.colorize import color_table, outline_table

Counts = npt.NDArray[np.int64]

_PANEL: Color = (17, 19, 24)
_PANEL_OPACITY = 0.74
_NAME: Color = (255, 255, 255)
_NUMBER: Color = (186, 192, 204)
_ROWS_ANYWAY = 4
_MINOR_RATIO = 0.005
_WIDEST_NUMBER = "88.8 %"
# A name cut to fewer letters than this tells nothing: rather no legend.
_SHORTEST_NAME = "mmm…"


@dataclass(frozen=True)
class LegendRow:
    """One line of the legend.

    Attributes:
        name: Full name of the class, or its id where no font has the letters; "+ n more" for the
            classes left out.
        number: Its share of the picture; empty for the classes left out.
        swatch: Its palette colour; None for the classes left out.
        rim: The colour of its outlines; None for the classes left out.
    """

    name: str
    number: str = ""
    swatch: Color | None = None
    rim: Color | None = None


@dataclass(frozen=True)
class _Layout:
    """Sizes in pixels, all derived from the size of the frame."""

    text: int
    row: int
    padding: int
    gap: int
    swatch: int
    margin: int
    max_rows: int
    max_width: int

    @classmethod
    def of_frame(cls, height: int, width: int) -> "_Layout":
        """Choose sizes that stay readable when the frame is shown on one screen."""
        extent = min(math.sqrt(height * width), 2 * min(height, width))
        text = max(10, round(8 + 0.0117 * extent))
        row, padding, margin = round(1.5 * text), round(0.6 * text), round(0.7 * text)
        fitting = (height - 2 * margin - 2 * padding) // row
        # A long list leaves the upper third free, unless the frame is low.
        pleasing = max(_ROWS_ANYWAY, (2 * height // 3 - margin - 2 * padding) // row)
        return cls(
            text=text,
            row=row,
            padding=padding,
            gap=round(0.55 * text),
            swatch=round(0.85 * text),
            margin=margin,
            max_rows=min(fitting, pleasing),
            max_width=width - 2 * margin,
        )

    @property
    def name_left(self) -> int:
        """Left edge of the names within the panel."""
        return self.padding + self.swatch + self.gap


def legend(
    image: Image,
    labels: LabelMap,
    label_set: LabelSet,
    *,
    classes: ClassSelection | None = None,
) -> Image:
    """List the classes of a picture in its bottom left corner, largest first.

    A row has the class's colour, its full name and its share of all pixels. Classes below half a
    percent, and those that do not fit, are summed up as "+ n more". A frame too small for readable
    text gets no legend.

    Args:
        image: RGB uint8 (H, W, 3).
        labels: (H, W) uint8 class ids.
        label_set: Gives the names, the palette and the background, which is not listed.
        classes: List only these, by id or name; None lists all but the background.

    Returns:
        A new RGB uint8 (H, W, 3) image.

    Raises:
        InputError: The arrays are not of these types or do not fit each other, or a class is not
            known.
    """
    check_image(image, labels)
    result = image.copy(order="C")
    draw_legend_(result, draw.count(labels), label_set, drawn_ids(label_set, classes))
    return result


def draw_legend_(canvas: Image, counts: Counts, label_set: LabelSet, ids: tuple[int, ...]) -> None:
    """Draw the legend of the classes ``ids`` into ``canvas``; see `legend` and `legend_rows`."""
    layout = _Layout.of_frame(*canvas.shape[:2])
    rows = legend_rows(counts, label_set, ids, layout.max_rows)
    panel = _panel(rows, layout) if rows else None
    if panel is not None:
        height = panel.opacity.shape[0]
        panel.draw_onto_(canvas, canvas.shape[0] - layout.margin - height, layout.margin)


def legend_rows(
    counts: Counts, label_set: LabelSet, ids: tuple[int, ...], max_rows: int
) -> tuple[LegendRow, ...]:
    """Choose what the legend says, at most ``max_rows`` lines, the largest class first.

    Args:
        counts: (256,) int64, how many pixels of the picture carry each label.
        label_set: Gives names and colours.
        ids: The classes to list if they occur.
        max_rows: Number of lines that fit.

    Returns:
        The lines; none when no class occurs, or when the largest would not fit.
    """
    present = sorted((i for i in ids if counts[i]), key=lambda i: (-counts[i], i))
    if not present or max_rows < 1:
        return ()
    pixels = counts.sum()
    ratios = {i: float(counts[i] / pixels) for i in present}
    major = [i for i in present if ratios[i] >= _MINOR_RATIO] or present[:1]
    # A single class left out is named: "+ 1 more" would take the same line.
    listed = present if len(present) - len(major) == 1 else major
    if len(listed) > max_rows or len(listed) < len(present):
        listed = listed[: max_rows - 1]
    colors, rims = color_table(label_set), outline_table(label_set)
    rows = [
        LegendRow(_name(label_set, i), percent(ratios[i]), _color(colors[i]), _color(rims[i]))
        for i in listed
    ]
    if len(listed) < len(present) and rows:
        rows.append(LegendRow(f"+ {len(present) - len(listed)} more"))
    return tuple(rows)


def _name(label_set: LabelSet, class_id: int) -> str:
    """The name of a class, or its id where no font has the letters."""
    name = label_set.names[class_id]
    return name if draw.can_write(name) else f"class {class_id}"


def percent(ratio: float) -> str:
    """Word a share, 0 to 1, for people: ``12.3 %``, or ``< 0.1 %`` for what would read as none."""
    return "< 0.1 %" if ratio < 0.0005 else f"{100 * ratio:.1f} %"


def _color(row: npt.NDArray[np.uint8]) -> Color:
    red, green, blue = (int(value) for value in row)
    return red, green, blue


@lru_cache(maxsize=32)
def _panel(rows: tuple[LegendRow, ...], layout: _Layout) -> draw.Sprite | None:
    """Draw the panel, or None where the frame is too narrow for its names."""
    text = layout.text
    numbers = [_WIDEST_NUMBER, *(row.number for row in rows)]
    number_width = max(draw.number_width(number, text) for number in numbers)
    fixed = layout.name_left + text + number_width + layout.padding
    room = layout.max_width - fixed
    names = [_shortened(row.name, text, room) for row in rows]
    name_width = max(draw.text_width(name, text) for name in names)
    if max(name_width, draw.text_width(_SHORTEST_NAME, text)) > room:
        return None
    size = (len(rows) * layout.row + 2 * layout.padding, fixed + name_width)
    panel = draw.SpriteBuilder(*size)
    panel.add_rectangle(0, 0, size, _PANEL, radius=layout.padding, opacity=_PANEL_OPACITY)
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        _add_row(panel, row, name, layout, layout.padding + index * layout.row, size[1])
    return panel.build()


def _add_row(
    panel: draw.SpriteBuilder, row: LegendRow, name: str, layout: _Layout, top: int, width: int
) -> None:
    text, swatch = layout.text, layout.swatch
    baseline = top + (layout.row + draw.capital_height(text)) // 2
    if row.swatch is None or row.rim is None:
        panel.add_text(baseline, layout.name_left, name, text, _NUMBER)
        return
    rim = max(1, round(text / 14))
    corner = (top + (layout.row - swatch) // 2, layout.padding)
    inner = swatch - 2 * rim
    panel.add_rectangle(*corner, (swatch, swatch), row.rim, radius=swatch / 4)
    panel.add_rectangle(
        corner[0] + rim, corner[1] + rim, (inner, inner), row.swatch, radius=swatch / 4 - rim
    )
    panel.add_text(baseline, layout.name_left, name, text, _NAME)
    panel.add_number(baseline, width - layout.padding, row.number, text, _NUMBER)


def _shortened(name: str, size: int, room: int) -> str:
    """Cut ``name`` until it fits into ``room`` pixels, but never below one letter."""
    short = name
    while draw.text_width(short, size) > room and len(name) > 1:
        name = name[:-1].rstrip()
        short = f"{name}…"
    return short
