"""A report of many pictures as one HTML file that needs nothing else."""

import base64
import html
import json
from collections.abc import Mapping
from pathlib import Path

from easyseg._types import Image, LabelMap, PathLike
from easyseg.errors import InputError
from easyseg.export.report_page import SCRIPT, STYLE
from easyseg.export.sheet import thumbnail
from easyseg.export.totals import Totals
from easyseg.files import PendingFile, check_target
from easyseg.labels import LabelSet
from easyseg.pictures.image import encode
from easyseg.render.legend import percent

_SIZE = (180, 240)
_QUALITY = 80
_SHOWN = 8
_BUTTON = 300
"""Bytes of the button for a class, but for its name."""

_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
<header><h1>{title}</h1></header>
<table>
<thead><tr><th>overlay</th>
<th data-key="name"><button>picture</button></th>
<th data-key="pixels"><button>size</button></th>
<th data-key="share"><button>largest share</button></th>
<th>classes</th></tr></thead>
<tbody>
"""


class Report:
    """Writes a report picture by picture; memory does not grow with them.

    The file holds a small overlay of each picture, its classes and their shares, a table that is
    sorted by a click, and a legend of all classes; it loads nothing. It appears when it is closed.

    Args:
        path: A `.html` file.
        title: Its title.

    Raises:
        InputError: If the extension is another.
        MediaError: If the file cannot be written.
    """

    def __init__(self, path: PathLike, title: str) -> None:
        target = Path(path).expanduser()
        if target.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"a report is a .html file, not {str(path)!r}")
        check_target(target)
        self._title = _escaped(title)
        self._totals: Totals | None = None
        self._model = ""
        self._file = PendingFile(target)

    def add(
        self,
        image: Image,
        labels: LabelMap,
        label_set: LabelSet,
        name: str,
        ratios: Mapping[str, float],
        *,
        model: str = "",
    ) -> None:
        """Adds a picture.

        Args:
            image: RGB uint8 (H, W, 3).
            labels: (H, W) uint8 class ids.
            label_set: Gives the colours.
            name: What it is called.
            ratios: Share of each class that occurs, 0 to 1, by its name, the largest first.
            model: What made the labels.

        Raises:
            MediaError: If the file cannot be written.
        """
        head = "" if self._totals else _HEAD.format(title=self._title, style=STYLE)
        totals = self._totals or Totals(label_set)
        small = thumbnail(image, labels, label_set, _SIZE)
        data = base64.b64encode(encode(small, ".jpg", quality=_QUALITY)).decode("ascii")
        height, width = labels.shape
        shares = json.dumps({word: round(ratio, 6) for word, ratio in ratios.items()})
        text = (
            f'{head}<tr data-order="{totals.pictures}" data-name="{_escaped(name)}" '
            f'data-pixels="{height * width}" data-shares="{_escaped(shares)}">'
            f'<td><img alt="" width="{small.shape[1]}" height="{small.shape[0]}" '
            f'src="data:image/jpeg;base64,{data}"></td>'
            f'<td class="name">{_escaped(name)}</td>'
            f'<td class="number">{width} &times; {height}</td><td class="number share"></td>'
            f"<td>{_bar(label_set, ratios)}</td></tr>\n"
        )
        # What the end takes at most, so that it finds room on a full disk.
        end = len(SCRIPT) + _BUTTON * len(label_set) + sum(map(len, label_set.names)) * 12
        self._file.write(text.encode("utf-8"), reserve=end)
        totals.add(ratios)
        self._totals, self._model = totals, self._model or model

    def close(self) -> None:
        """Completes the file, on a full disk, too; none is written where no picture was added.

        Raises:
            MediaError: If it cannot be written.
        """
        if self._totals is None:
            return
        totals = self._totals
        noun = "picture" if totals.pictures == 1 else "pictures"
        facts = f"{totals.pictures} {noun}, {totals.label_set.title} classes"
        facts += f", model {self._model}" if self._model else ""
        buttons = "\n".join(
            f'<button type="button" data-name="{_escaped(name)}" aria-pressed="false" '
            f'title="in {totals.pictures_with(name)} of {totals.pictures}">'
            f"{_swatch(totals.label_set, name)}{_escaped(name)} {_escaped(percent(mean))}</button>"
            for name, mean in totals.means().items()
        )
        text = (
            f"</tbody></table>\n<div id=summary><p>{_escaped(facts)}. Mean share of each class; "
            f"a click sorts the pictures by it.</p>\n{buttons}</div>\n<script>{SCRIPT}</script>\n"
        )
        self._file.write(text.encode("utf-8"))
        self._file.complete()

    def discard(self) -> None:
        """Throws away what was written; does nothing after `close`."""
        self._file.discard()


def _bar(label_set: LabelSet, ratios: Mapping[str, float]) -> str:
    """A strip in the classes' colours, and the names of the largest."""
    parts = "".join(
        f'<i style="width:{100 * ratio:.2f}%;background:{_color(label_set, name)}"></i>'
        for name, ratio in ratios.items()
        if ratio >= 0.001
    )
    names = " ".join(
        f"<span>{_swatch(label_set, name)}{_escaped(name)} {_escaped(percent(ratio))}</span>"
        for name, ratio in list(ratios.items())[:_SHOWN]
    )
    more = len(ratios) - _SHOWN
    rest = f" <span>+ {more} more</span>" if more > 0 else ""
    return f'<div class="bar">{parts}</div><div class="shares">{names}{rest}</div>'


def _swatch(label_set: LabelSet, name: str) -> str:
    return f'<span class="swatch" style="background:{_color(label_set, name)}"></span>'


def _color(label_set: LabelSet, name: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*label_set.color(label_set.names.index(name)))


def _escaped(text: str) -> str:
    """Text that stands for itself in HTML, whatever bytes a file's name is made of."""
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(clean, quote=True)
