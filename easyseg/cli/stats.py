"""Measures how much of each photograph, or of each frame of videos, every class covers."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.cli import segment as segmenting
from easyseg.cli import video, work
from easyseg.cli.exports import Save
from easyseg.cli.flags import add_flags
from easyseg.cli.inputs import STDIN, Picture, find
from easyseg.errors import EasysegError, InputError
from easyseg.options import (
    FrameOptions,
    LookingOptions,
    ManyOptions,
    QualityOptions,
    RangeOptions,
    ReadingOptions,
    RunningOptions,
)

if TYPE_CHECKING:
    from easyseg.export.tables import Table
    from easyseg.export.totals import Totals
    from easyseg.labels import LabelSet
    from easyseg.result import Segmentation

_EPILOG = """\
A table is long, with a row for each class that occurs, or --wide, with a column for each class
there is. What is done is in the table at once, so that after Ctrl-C nothing is lost; the other
files are completed then with what there is."""

_STDOUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    work.add_inputs(parser, "INPUT", "photographs, folders, quoted patterns, URLs; or videos")
    add(
        "-o", "--output", metavar="TABLE",
        help="a .csv or .jsonl file; - is the standard output, as CSV, which is the default where "
        "nothing else is written",
    )  # fmt: skip
    add("--wide", action="store_true", help="a column for each class, for .csv")
    add(
        "--chart", metavar="FILE",
        help="a .png, .svg or .pdf: bars of the mean shares, or a time line of one video; needs "
        "matplotlib",
    )  # fmt: skip
    add("--sheet", metavar="FILE", help="a contact sheet of small overlays: .jpg, .png, ...")
    add("--report", metavar="FILE", help="a .html page with small overlays and a table to sort")
    work.add_common(parser, quiet="show no progress bar")
    add_flags(
        parser, LookingOptions, RunningOptions, QualityOptions, ReadingOptions, ManyOptions,
        RangeOptions, FrameOptions, on_error=None,
    )  # fmt: skip
    parser.set_defaults(json=False, export=None)


def run(options: argparse.Namespace) -> int:
    """Measures the pictures.

    Returns:
        0, or 1 when some failed, or 2 when all did.

    Raises:
        InputError: If the options do not go together, or name what does not exist.
        MediaError: If a file cannot be written.
        ModelError: If the model cannot be loaded.
    """
    others = (options.chart, options.sheet, options.report)
    if options.output is None and not any(others):
        options.output = _STDOUT
    if options.wide and (options.output or "").lower().endswith(".jsonl"):
        raise InputError("--wide is for a .csv; a line of .jsonl holds the classes that occur")
    _check_files(options)
    videos = video.find(options)
    if videos:
        return _run_videos(options, videos)
    return segmenting.segment_each(options, find(options.photos), _measuring)


def _check_files(options: argparse.Namespace) -> None:
    """Tells early what cannot be written."""
    from easyseg.export.charts import check_chart
    from easyseg.export.report import Report
    from easyseg.export.sheet import ContactSheet
    from easyseg.export.tables import check_table

    files = [options.output, options.chart, options.sheet, options.report]
    given = [Path(file).resolve() for file in files if file not in (None, _STDOUT)]
    inputs = {Path(name).resolve() for name in options.photos if name != STDIN}
    if len(set(given)) < len(given) or inputs & set(given):
        raise InputError("every output needs a name of its own, which is none of the inputs")
    if options.output not in (None, _STDOUT):
        check_table(options.output)
    if options.chart is not None:
        check_chart(options.chart)
    if options.sheet is not None:
        ContactSheet(options.sheet)
    if options.report is not None:
        Report(options.report, "")


@contextlib.contextmanager
def _measuring(options: argparse.Namespace, pictures: list[Picture]) -> Iterator[Save]:
    """Opens the table, the sheet and the report; leaving completes them and draws the chart."""
    with ExitStack() as stack:
        measure = _Measure(options, stack, _title(pictures))

        def save(_index: int, picture: Picture, result: "Segmentation") -> list[Path]:
            measure.add(picture.source, result)
            return []

        yield save


class _Measure:
    """Notes results wherever the options want them."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack, title: str) -> None:
        from easyseg.export.report import Report
        from easyseg.export.sheet import ContactSheet

        self._options, self._stack = options, stack
        self._table: Table | None = None
        self._totals: Totals | None = None
        self._sheet: ContactSheet | None = None
        self._report: Report | None = None
        if options.sheet is not None:
            self._sheet = ContactSheet(options.sheet)
            stack.callback(self._sheet.close)
        if options.report is not None:
            self._report = Report(options.report, title)
            stack.callback(self._report.discard)
            stack.callback(self._report.close)

    def add(self, source: str, result: "Segmentation") -> None:
        """Notes a result."""
        ratios = result.ratios
        if self._options.output is not None:
            if self._table is None:
                keys = ("source", "width", "height")
                self._table = open_table(self._options, self._stack, keys, result.label_set)
            height, width = result.shape
            self._table.add((source, width, height), ratios)
        if self._options.chart is not None:
            self._add_to_chart(result)
        picture = (result.image, result.labels, result.label_set, source, ratios)
        if self._sheet is not None:
            self._sheet.add(*picture)
        if self._report is not None:
            self._report.add(*picture, model=result.model)

    def _add_to_chart(self, result: "Segmentation") -> None:
        from easyseg.export.charts import bar_chart
        from easyseg.export.totals import Totals

        if self._totals is None:
            self._totals = Totals(result.label_set)
            self._stack.callback(bar_chart, self._options.chart, self._totals)
        self._totals.add(result.ratios)


def open_table(
    options: argparse.Namespace, stack: ExitStack, keys: tuple[str, ...], label_set: "LabelSet"
) -> "Table":
    """Opens the table that the options want, in a stack that closes it."""
    from easyseg.export.tables import Table

    names = label_set.names
    if options.classes is not None:
        names = tuple(names[i] for i in label_set.select(options.classes))
    target = sys.stdout if options.output == _STDOUT else options.output
    return stack.enter_context(Table(target, keys, names if options.wide else None))


def _run_videos(options: argparse.Namespace, videos: list[str]) -> int:
    if options.sheet is not None or options.report is not None:
        raise InputError("--sheet and --report are for photographs, not for videos")
    if options.chart is not None and len(videos) > 1:
        raise InputError("--chart draws the time of one video: give one at a time")
    from easyseg.export.charts import time_chart
    from easyseg.export.totals import TimeLine
    from easyseg.pipeline import process_file

    segmenter = work.make_segmenter(options)
    kept = work.kept_classes(options, segmenter)
    failed = 0
    with ExitStack() as stack:
        table = None
        if options.output is not None:
            keys = ("source", "frame", "time")
            table = open_table(options, stack, keys, segmenter.label_set)
        line = TimeLine(segmenter.label_set)
        for source in videos:

            def note(index: int, time: float, result: "Segmentation", source: str = source) -> None:
                if table is not None:
                    table.add((source, index, time), result.ratios)
                line.add(time, result.ratios)

            job = video.job_of(options, (), kept, on_frame=note)
            try:
                process_file(source, None, segmenter, lambda result: result.image, job)
            except (EasysegError, OSError, MemoryError, RuntimeError) as error:
                failed += 1
                work.complain(options, source, error)
            finally:
                if options.chart is not None and not line.is_empty:
                    time_chart(options.chart, line)
    return 0 if not failed else 1 if failed < len(videos) else 2


def _title(pictures: list[Picture]) -> str:
    """What a report is called: the folders that were searched, or the pictures."""
    names = dict.fromkeys(picture.root or picture.stem for picture in pictures)
    shown = ", ".join(list(names)[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
