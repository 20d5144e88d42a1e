"""Writes the curves of a training as a table and as a picture."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from easyseg.drawing.chart import Points, line_chart, side_by_side
from easyseg.files import replace_file
from easyseg.pictures.image import write

COLUMNS = (
    "step",
    "epoch",
    "learning_rate",
    "loss",
    "cross_entropy",
    "dice",
    "distillation",
    "mean_iou",
    "pixel_accuracy",
    "seconds",
    "waiting",
)
"""`waiting` is the share of the time, so far, that was spent waiting for data."""

LOSSES = ("loss", "cross_entropy", "dice", "distillation")
SCORES = ("mean_iou", "pixel_accuracy")


def write_curves(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Writes `curves.csv` and `curves.png`, both anew.

    Args:
        folder: Where to.
        history: Rows with some of the columns.

    Raises:
        MediaError: If one cannot be written.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in history:
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
    replace_file(folder / "curves.csv", table.getvalue().encode("utf-8"))
    parts = any("dice" in row or "distillation" in row for row in history)
    shown = LOSSES if parts else LOSSES[:1]
    charts = [
        line_chart({name: _points(history, name) for name in shown}, title="loss over steps"),
        line_chart({name: _points(history, name) for name in SCORES}, title="validation"),
    ]
    write(folder / "curves.png", side_by_side(charts))


def _points(history: Sequence[Mapping[str, float]], name: str) -> Points:
    return [(row["step"], row[name]) for row in history if name in row]
