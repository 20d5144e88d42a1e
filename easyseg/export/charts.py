"""Charts of shares: bars for pictures, a time line for a video. The only home of matplotlib."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from easyseg._types import PathLike
from easyseg.errors import InputError
from easyseg.export.totals import TimeLine, Totals
from easyseg.files import check_target, replace_file
from easyseg.labels import LabelSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".pdf")

_MOST_BARS = 24
_MOST_AREAS = 12
_OTHERS = "#b8bcc4"


def check_chart(path: PathLike) -> Path:
    """Tells early that a chart cannot be drawn or written.

    Args:
        path: The file.

    Returns:
        It, with `~` replaced.

    Raises:
        InputError: If the extension is none of `KINDS`, or matplotlib is not installed.
        MediaError: If the file cannot be written.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in KINDS:
        raise InputError(f"a chart goes to a {', '.join(KINDS)} file, not to {str(path)!r}")
    try:
        import matplotlib as mpl  # noqa: F401 - whether it is there
    except ImportError as error:
        raise InputError(
            "charts are drawn by matplotlib, which is not installed: pip install matplotlib"
        ) from error
    check_target(target)
    return target


def bar_chart(path: PathLike, totals: Totals) -> Path:
    """Draws the mean share of the classes over many pictures, the largest on top.

    Args:
        path: A `.png`, `.svg` or `.pdf` file.
        totals: The sums over the pictures.

    Returns:
        The path.

    Raises:
        InputError: If the extension is another, matplotlib is not installed, or nothing was added.
        MediaError: If the file cannot be written.
    """
    target = check_chart(path)
    if not totals.pictures:
        raise InputError("there is nothing to draw: no picture was added")
    means = totals.means()
    names, left = list(means)[:_MOST_BARS], list(means)[_MOST_BARS:]
    values = [100 * means[name] for name in names]
    colors = [_color(totals.label_set, name) for name in names]
    if left:
        names.append(f"{len(left)} more")
        values.append(100 * sum(means[name] for name in left))
        colors.append(_OTHERS)
    figure, axes = _figure(8, 1.2 + 0.3 * max(1, len(names)))
    bars = axes.barh(range(len(names)), values, color=colors, edgecolor="#4a4f5a", linewidth=0.5)
    axes.bar_label(bars, [_percent(value) for value in values], padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), map(_word, names))
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first one on top
    axes.set_xlim(0, 1.12 * max(values, default=1))
    axes.set_xlabel("mean share of the picture, %")
    noun = "picture" if totals.pictures == 1 else "pictures"
    axes.set_title(f"{totals.label_set.title} classes in {totals.pictures} {noun}", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return _save(figure, target)


def time_chart(path: PathLike, line: TimeLine) -> Path:
    """Draws the shares of the classes over the time of a video, stacked on each other.

    Args:
        path: A `.png`, `.svg` or `.pdf` file.
        line: The shares over time.

    Returns:
        The path.

    Raises:
        InputError: If the extension is another, matplotlib is not installed, or nothing was added.
        MediaError: If the file cannot be written.
    """
    target = check_chart(path)
    times, shares = line.shares()
    if not len(times):
        raise InputError("there is nothing to draw: no frame was added")
    means = shares.mean(axis=0)
    order = [int(i) for i in np.argsort(-means, kind="stable") if means[i] > 0]
    shown, left = order[:_MOST_AREAS], order[_MOST_AREAS:]
    names = [line.label_set.names[i] for i in shown]
    colors = [_color(line.label_set, name) for name in names]
    rows = [100 * shares[:, i] for i in shown]
    if left:
        names.append(f"{len(left)} more")
        rows.append(100 * shares[:, left].sum(axis=1))
        colors.append(_OTHERS)
    if len(times) == 1:  # an area needs a width
        times = np.array([times[0], times[0] + 1e-3])
        rows = [np.repeat(row, 2) for row in rows]
    figure, axes = _figure(10, 4.5)
    if rows:
        axes.stackplot(
            times,
            np.stack(rows),
            labels=list(map(_word, names)),
            colors=colors,
            edgecolor="white",
            linewidth=0.3,
        )
        handles, words = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1], words[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False
        )
    axes.set_xlim(float(times[0]), float(times[-1]))
    axes.set_ylim(0, 100)
    axes.set_xlabel("time, seconds")
    axes.set_ylabel("share of the picture, %")
    axes.set_title(f"{line.label_set.title} classes over time", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return _save(figure, target)


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure of its own, without pyplot: no window, no state, fine in threads."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    return figure, figure.subplots()


def _save(figure: "Figure", target: Path) -> Path:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=target.suffix.lower().removeprefix("."), facecolor="white")
    replace_file(target, buffer.getvalue())
    return target


def _color(label_set: LabelSet, name: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*label_set.color(label_set.names.index(name)))


def _percent(value: float) -> str:
    return "< 0.1 %" if value < 0.05 else f"{value:.1f} %"


def _word(name: str) -> str:
    """A name as matplotlib takes it: not as a formula, and not as one to be left out."""
    return f"{' ' if name.startswith('_') else ''}{name}".replace("$", r"\$")
