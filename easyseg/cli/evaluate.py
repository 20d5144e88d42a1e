"""Measures a model on labelled photographs: mIoU, pixel accuracy, and each class."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.cli import work
from easyseg.cli.flags import add_flags
from easyseg.errors import InputError
from easyseg.files import check_target, replace_file
from easyseg.options import EvaluateOptions, ModelOptions, pick

if TYPE_CHECKING:
    from easyseg.evaluation import Evaluation

_EPILOG = """\
layouts: VOCdevkit, ADEChallengeData2016, a folder with images/ and masks/, tar files of the two,
a JSON file of COCO, JSON files of labelme

example: easyseg evaluate --dataset voc --data VOCdevkit --model fast --flip --scales 0.75,1,1.25"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "--dataset", metavar="NAME",
        help="the classes of the masks, voc or ade20k; or where labelled photographs of any "
        "classes are",
    )  # fmt: skip
    add("--data", metavar="PATH", nargs="+", help="where the photographs and masks are")
    add("--json", metavar="FILE", help="write settings and scores there; - is standard output")
    work.add_common(parser, quiet="no progress bar, no table")
    add_flags(parser, ModelOptions, EvaluateOptions)


def run(options: argparse.Namespace) -> int:
    """Measures the model.

    Returns:
        0.

    Raises:
        InputError: If an option is wrong, or the classes of data and model differ.
        MediaError: If a photograph or a mask cannot be read.
        ModelError: If the model cannot be loaded.
    """
    dataset, data = _data(options.dataset, options.data)
    if options.json not in (None, "-"):
        if not Path(options.json).parent.is_dir():
            raise InputError(f"there is no folder for {options.json!r}: make it first")
        check_target(Path(options.json))
    from easyseg.evaluation import evaluate

    result = evaluate(
        data,
        model=options.model,
        dataset=dataset,
        progress=not options.quiet and sys.stderr is not None and sys.stderr.isatty(),
        **pick(EvaluateOptions, vars(options)),
    )
    _report(result, options)
    return 0


def _report(result: "Evaluation", options: argparse.Namespace) -> None:
    if not options.quiet and options.json != "-":
        print(result.table())
        print(f"{result.images} photographs, {result.model}, {result.seconds:.1f} s")
    if options.json is None:
        return
    text = json.dumps(result.to_dict(), indent=2)
    if options.json == "-":
        print(text)
    else:
        replace_file(Path(options.json), f"{text}\n".encode())


def _data(dataset: str | None, data: list[str] | None) -> tuple[str | None, list[str] | str]:
    """Sorts out names of data sets and paths, both of which --dataset takes."""
    from easyseg import labels

    known = None
    if dataset is not None:
        try:
            known = labels.get(dataset).name
        except InputError:
            if data is not None or not Path(dataset).exists():
                raise
            return None, dataset
    if data is None:
        raise InputError("say where the labelled photographs are: --data PATH")
    return known, data if len(data) > 1 else data[0]
