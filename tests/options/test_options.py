"""Options are stated once, and seen everywhere."""

import argparse
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from typing_extensions import Doc, TypedDict, Unpack

import easyseg
from easyseg import options
from easyseg.engine.backends import BACKENDS
from easyseg.options import Field, Option, UnknownOptionError, documented, fields, pick
from easyseg.pipeline import Job
from easyseg.pipeline.smoothing import STRENGTHS as SMOOTHINGS
from easyseg.render.effects import STRENGTHS

FUNCTIONS = [
    easyseg.segment, easyseg.stream, easyseg.segment_video, easyseg.segment_camera,
    easyseg.segment_large, easyseg.change_background, easyseg.change_background_video,
    easyseg.change_background_camera, easyseg.quantize, easyseg.evaluate,
    easyseg.Segmenter.__call__,
]  # fmt: skip
NAMES = [one.__qualname__ for one in FUNCTIONS]


class Brush(TypedDict, total=False):
    """How it is painted."""

    width: Annotated[int, Doc("Width of the brush, in pixels."), Option("its width", 3, "PIXELS")]
    colour: Annotated["str | None", Doc("Name of a colour; None is black."), Option("its colour")]


@documented(width=5)
def paint(target: str, **options: Unpack[Brush]) -> dict[str, object]:
    """Paints.

    Args:
        target: Where to.

    Returns:
        What was asked for.
    """
    return {"target": target, **options}


class TestDocumented:
    def test_the_signature_is_the_full_list(self):
        assert str(inspect.signature(paint)) == (
            "(target: str, *, width: int = 5, colour: 'str | None' = None) -> dict[str, object]"
        )

    def test_the_documentation_holds_every_option(self):
        assert inspect.getdoc(paint) == (
            "Paints.\n\nArgs:\n    target: Where to.\n    width: Width of the brush, in pixels.\n"
            "    colour: Name of a colour; None is black.\n\nReturns:\n    What was asked for."
        )

    def test_what_is_not_given_gets_its_default(self):
        assert paint("wall", colour="red") == {"target": "wall", "width": 5, "colour": "red"}

    def test_an_unknown_option_names_the_nearest(self):
        with pytest.raises(UnknownOptionError, match=r"paint\(\) has no option 'color'.*'colour'"):
            paint("wall", color="red")
        with pytest.raises(TypeError, match="it takes colour, target, width"):
            paint("wall", xyz=1)

    def test_a_missing_argument_is_python_s_own_error(self):
        with pytest.raises(TypeError, match="target"):
            paint()

    @pytest.mark.parametrize("function", FUNCTIONS, ids=NAMES)
    def test_every_parameter_of_the_public_functions_is_documented(self, function):
        text = inspect.getdoc(function)
        section = text.partition("Args:\n")[2].partition("\n\n")[0]
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        for name in names:
            assert f"    {name}: " in section, name
        assert "See there" not in text
        assert "**options" not in text

    def test_a_class_shows_the_options_that_it_is_made_with(self):
        for name in ("model", "dataset", "device", "precision", "size", "output_stride"):
            assert name in inspect.signature(easyseg.Segmenter).parameters
            assert f"    {name}: " in inspect.getdoc(easyseg.Segmenter).partition("Attributes")[0]

    def test_help_shows_them(self):
        code = "import easyseg; help(easyseg.segment_video)"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        for one in fields(easyseg.segment_video):
            assert shown.stdout.count(f"{one.name}: ") >= 2, one.name


class TestUnknownOptions:
    def test_nothing_is_loaded_for_one(self):
        with pytest.raises(easyseg.EasysegError, match="did you mean 'alpha'"):
            easyseg.segment_video("a.mp4", "b.mp4", alfa=0.5)
        with pytest.raises(easyseg.InputError, match="did you mean 'precision'"):
            easyseg.segment(np.zeros((4, 4, 3), np.uint8), precisoin="fp32")


class TestFields:
    def test_a_form_has_all_that_it_needs(self):
        (field,) = (one for one in fields(easyseg.segment_video) if one.name == "alpha")
        assert field.to_dict() == {
            "name": "alpha", "type": "float", "choices": [], "default": 0.6, "unit": "SHARE",
            "minimum": 0, "maximum": 1, "help": "share of the colour in the overlay, 0 to 1",
            "doc": "Share of the colour in the overlay, 0 to 1.",
            "group": "How the classes are drawn",
        }  # fmt: skip

    def test_a_function_s_own_defaults(self):
        for function, wanted in ((easyseg.segment_video, "off"), (easyseg.segment_camera, "light")):
            (field,) = (one for one in fields(function) if one.name == "smoothing")
            assert (field.default, field.choices) == (wanted, ("off", "light", "strong"))

    def test_no_two_options_of_a_function_have_one_name(self):
        for function in FUNCTIONS:
            names = [one.name for one in fields(function)]
            assert len(names) == len(set(names))

    def test_the_words_are_those_that_the_rooms_take(self):
        words = {one.name: set(one.choices) for one in fields(options.VideoOptions)}
        precisions = {name for names in BACKENDS.values() for name in names}
        assert words["backend"] == {"auto", *BACKENDS}
        assert words["precision"] == {"auto", *precisions}
        assert words["smoothing"] == set(SMOOTHINGS)
        (blur,) = (one for one in fields(options.EffectOptions) if one.name == "blur")
        assert set(blur.choices) == set(STRENGTHS)

    def test_of_what_has_no_options(self):
        assert fields(len) == ()

    def test_pick(self):
        assert pick(Brush, {"width": 1, "colour": None, "other": 2}) == {"width": 1, "colour": None}


def flags(stated: tuple[Field, ...]) -> argparse.ArgumentParser:
    from easyseg.cli.flags import add_fields

    parser = argparse.ArgumentParser()
    add_fields(parser, stated)
    return parser


def test_one_definition_is_seen_everywhere():
    """What is added to a set is in signature, documentation, flags, fields and a job's identity."""

    class Wider(options.VideoOptions, total=False):
        """What is new."""

        sparkle: Annotated[int, Doc("How many stars."), Option("how many stars", 7, "STARS")]

    @documented()
    def new_video(source: str, **options: Unpack[Wider]) -> Job:
        """Makes a video."""
        return Job.of(fields(Wider), {**options, "resume": True})

    assert inspect.signature(new_video).parameters["sparkle"].default == 7
    assert "    sparkle: How many stars." in new_video.__doc__
    assert fields(new_video)[-1].to_dict()["unit"] == "STARS"
    text = flags(fields(new_video)).format_help()
    assert "--sparkle STARS" in text
    assert "how many stars (default 7)" in text
    assert flags(fields(new_video)).parse_args(["--sparkle", "3"]).sparkle == 3
    assert new_video("a").identity["sparkle"] == 7
    assert new_video("a", sparkle=2).identity["sparkle"] == 2


WRONG = """\
import easyseg

easyseg.segment_video("a", "b", alpha=0.5, precision="fp16", statistics="a.csv")
easyseg.segment_video("a", "b", precision="fp17")  # wrong
easyseg.segment_video("a", "b", alfa=0.5)  # wrong
easyseg.segment("a", precision="fp17")  # wrong
easyseg.segment_camera(0, smoothing="a bit")  # wrong
easyseg.change_background("a", blur="much")  # wrong
easyseg.Segmenter("fast", precison="fp32")  # wrong
reveal: int = easyseg.segment_video("a", "b").frames
masks = [one.ratios for one in easyseg.segment(["a", "b"], tta=True)]
"""
LINES = {number for number, line in enumerate(WRONG.splitlines(), 1) if "# wrong" in line}


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_catch_what_is_misspelt(checker: str, tmp_path: Path):
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    (tmp_path / "wrong.py").write_text(WRONG)
    extra = ["--pythonpath", sys.executable] if checker == "pyright" else ["--python-executable",
             sys.executable]  # fmt: skip
    root = str(Path(easyseg.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-m", checker, *extra, "wrong.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"MYPYPATH": root, "PYTHONPATH": root},
    )  # fmt: skip
    found = {
        int(line.partition("wrong.py:")[2].partition(":")[0])
        for line in done.stdout.splitlines()
        if "wrong.py:" in line and "error" in line
    }
    assert found == LINES, done.stdout + done.stderr
