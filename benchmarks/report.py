"""What was measured as a table and as a plot."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.measure import Results, Row, Skipped

CLOCKS = {"wall": "wall clock", "cpu": "seconds of the processor (the machine was busy)"}


def table(results: Results, machine: Mapping[str, Any]) -> str:
    """A Markdown table for each part; losses are in it like wins."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['torch_threads']} threads of "
        f"torch, {CLOCKS[machine.get('clock', 'wall')]}; Python {machine['python']}, {versions}. "
        f"GPU: {machine['gpu'] or 'none'}.",
        "",
    ]
    rows = [row for row in results if isinstance(row, Row)]
    parts = list(dict.fromkeys(row.part for row in rows))
    rows.sort(key=lambda row: parts.index(row.part))
    for part, group in groupby(rows, key=lambda row: row.part):
        lines += [f"### {part}", "", "| work | way | median | quartiles | against | ratio |"]
        lines += ["| --- | --- | --- | --- | --- | --- |", *map(_line, group), ""]
    lines += [f"Not measured, {one.part}, {one.way}: {one.reason}" for one in _skipped(results)]
    return "\n".join(lines).rstrip() + "\n"


def _line(row: Row) -> str:
    compared = f"{row.against} | {row.ratio:.2f}x" if row.against else "- | 1"
    spread = f"{_short(row.low)}-{_short(row.high)}, n={row.rounds}"
    return f"| {row.work} | {row.way} | {_short(row.value)} {row.unit} | {spread} | {compared} |"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _skipped(results: Results) -> Iterable[Skipped]:
    return (row for row in results if isinstance(row, Skipped))


def plot(results: Results, path: Path) -> None:
    """Bars of how many times as fast each way is as another library or the naive way.

    What is compared with a part of itself (an engine with eager PyTorch, the pipeline with the
    network alone) stands in the table only: with it, the plot was too high to be read.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [
        row
        for row in results
        if isinstance(row, Row)
        and row.against
        and row.part in ("photograph", "video", "restore", "network")
        and row.against not in ("torch eager", "network alone")
        and not row.work.startswith(("steps", "flicker"))
    ]
    figure, axes = plt.subplots(figsize=(9, 1 + 0.28 * len(shown)), layout="constrained")
    names = [f"{row.work}: {row.way}\nagainst {row.against}" for row in shown]
    # Bars go from 1, to the right for a gain and to the left for a loss.
    gains = [row.ratio - 1 for row in shown]
    bars = axes.barh(range(len(shown)), gains, left=1, color="#2c7fb8")
    axes.bar_label(bars, [f"{_short(row.ratio)}x" for row in shown], padding=3, fontsize=7)
    axes.set_yticks(range(len(shown)), names, fontsize=6)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
