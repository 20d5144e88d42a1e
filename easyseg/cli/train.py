"""Trains a model on your own labelled photographs."""

import argparse
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

from easyseg.cli import work
from easyseg.cli.flags import add_flags, numbers
from easyseg.options import EngineOptions, MeasuringOptions
from easyseg.training.settings import Settings

_EPILOG = """\
layouts: VOCdevkit, ADEChallengeData2016, a folder with images/ and masks/, tar files of the two,
a JSON file of COCO, JSON files of labelme

The state is saved every few minutes: the same command goes on from there. The folder of --output
gets model.pt, which every command takes as --model, curves.csv and curves.png.

example: easyseg train photos --classes names.txt --output weeds --epochs 100"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options; each setting of `easyseg.training.Settings` is one."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("data", metavar="DATA", nargs="+", help="labelled photographs, in any of the layouts below")
    add("-o", "--output", metavar="FOLDER", default="training", help="default: training")
    add(
        "--init", metavar="MODEL", default="builtin",
        help="what to begin with: a model or tier (see easyseg models), the path of a checkpoint, "
        "imagenet, or random (default: builtin)",
    )  # fmt: skip
    add(
        "--architecture", metavar="NAME",
        help="with --init imagenet or random: a model's name without its data set",
    )  # fmt: skip
    add(
        "--classes", metavar="FILE",
        help="a text file with the name of a class in each line; or voc, or ade20k",
    )  # fmt: skip
    add("--validation", metavar="PATH", nargs="+", help="labelled photographs to measure on")
    add(
        "--hold-out", metavar="SHARE", type=float,
        help="share of the data to measure on instead, 0 for none (default 0.1, where the data "
        "have no part for it)",
    )  # fmt: skip
    add("--teacher", metavar="MODEL", help="a model of the same classes to learn from, too")
    add(
        "--unlabelled", metavar="PATH", nargs="+",
        help="photographs without labels that the teacher labels",
    )  # fmt: skip
    work.add_common(parser, quiet="no progress bar")
    others = ["precision", "backend", "flip", "scales", "limit"]
    add_flags(parser, EngineOptions, MeasuringOptions, leave_out=others, split="train")
    _add_settings(parser.add_argument_group("settings"))


def run(options: argparse.Namespace) -> int:
    """Trains.

    Returns:
        0.

    Raises:
        InputError: If an option is wrong, or the folder holds another training.
        MediaError: If a photograph or a mask cannot be read.
        ModelError: If a model cannot be loaded, or the loss becomes infinite.
    """
    from easyseg.training import train

    settings = {
        one.name: getattr(options, f"setting_{one.name}")
        for one in fields(Settings)
        if hasattr(options, f"setting_{one.name}")
    }
    held = options.hold_out if options.validation is None else _paths(options.validation)
    try:
        result = train(
            _paths(options.data),
            output=options.output,
            init=options.init,
            classes=options.classes,
            validation=held,
            unlabelled=None if options.unlabelled is None else _paths(options.unlabelled),
            teacher=options.teacher,
            architecture=options.architecture,
            split=options.split,
            reduce_zero_label=options.reduce_zero_label,
            device=options.device,
            settings=Settings(**settings),
            progress=not options.quiet and sys.stderr is not None and sys.stderr.isatty(),
        )
    except KeyboardInterrupt:
        print("easyseg: the same command goes on from here", file=sys.stderr)
        raise
    reached = "" if result.mean_iou is None else f", mIoU {100 * result.mean_iou:.2f}"
    print(f"{result.path}  {result.steps} steps, {result.seconds:.0f} s{reached}")
    print(f"{result.waiting:.1%} of the time was spent waiting for data")
    return 0


def _paths(words: list[str]) -> list[str] | str:
    return words if len(words) > 1 else words[0]


def _add_settings(group: Any) -> None:
    """Adds an option for each setting; those that are not given are left out of the result."""
    helps = _helps()
    types = get_type_hints(Settings)
    for one in fields(Settings):
        name = one.name.replace("_", "-")
        keywords: dict[str, Any] = {"dest": f"setting_{one.name}", "default": argparse.SUPPRESS}
        text = helps.get(one.name, "").replace("%", "%%")
        if isinstance(one.default, bool):
            option, help_text = f"--{name}", text
            if one.default:
                option, help_text = f"--no-{name}", f"turn this off: {text}"
            group.add_argument(
                option, action="store_const", const=not one.default, help=help_text, **keywords
            )
            continue
        default = ",".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
        shown = "" if default is None else f" (default {default})"
        group.add_argument(
            f"--{name}", metavar="X", type=_reader(types[one.name]), help=text + shown, **keywords
        )


def _helps() -> dict[str, str]:
    """Takes what each setting means from the documentation of the class."""
    text = inspect.cleandoc(Settings.__doc__ or "").partition("Attributes:")[2]
    entries = re.findall(r"^    (\w+): (.*?)(?=^ {0,4}\w|\Z)", text, re.M | re.S)
    return {name: " ".join(words.split()).replace("`", "") for name, words in entries}


def _reader(kind: Any) -> Callable[[str], Any]:
    """Finds what turns an option's text into a setting's value; the class checks the range."""
    if kind == tuple[float, float]:
        return _pair
    if int in (kind, *getattr(kind, "__args__", ())):
        return int
    if float in (kind, *getattr(kind, "__args__", ())):
        return float
    return str


def _pair(text: str) -> tuple[float, ...]:
    return numbers(text, "0.5,2")
