"""Dispatch, errors and exit codes."""

import argparse
import errno
import sys
import warnings

import pytest

import easyseg
from easyseg.cli import COMMANDS, main, parser_of, segment
from easyseg.errors import EasysegWarning, InputError


def raising(error: BaseException):
    def run(options: argparse.Namespace) -> int:
        raise error

    return run


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for name, text in COMMANDS.items():
        assert f"easyseg {name}" in out
        assert text in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: easyseg {command}" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"easyseg {easyseg.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "PHOTO"),
        (["a.jpg", "--alhpa", "1"], "--alhpa"),
        (["a.jpg", "--alpha", "1.5"], "0 to 1"),
        (["a.jpg", "--alpha", "nan"], "0 to 1"),
        (["a.jpg", "--alpha", "much"], "0 to 1"),
        (["a.jpg", "--classes", " , "], "person,dog"),
        (["a.jpg", "--kind", "film"], "film"),
        (["a.jpg", "--size", "big"], "--size"),
        (["models", "--alpha", "1"], "--alpha"),
        (["a.jpg", "--data", "voc"], "--data"),  # no abbreviations: they would break later
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], message: str, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("easyseg: error: ")
    assert err.count("\n") == 1
    assert message in err


def test_our_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(segment, "run", raising(InputError("first\n  second")))
    assert main(["a.jpg"]) == 2
    assert capsys.readouterr() == ("", "easyseg: error: first second\n")


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(segment, "run", raising(InputError("what")))
    assert main(["a.jpg", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("easyseg: error: what\n")


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(segment, "run", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["a.jpg"])


def test_warnings_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys):
    def run(options: argparse.Namespace) -> int:
        warnings.warn("the built-in model runs instead", EasysegWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(segment, "run", run)
    before = warnings.showwarning
    with pytest.warns(UserWarning, match="something else") as others:  # those are left alone
        assert main(["a.jpg"]) == 0
    assert warnings.showwarning is before
    assert len(others) == 1
    assert capsys.readouterr().err == "easyseg: warning: the built-in model runs instead\n"


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(segment, "run", raising(KeyboardInterrupt()))
    assert main(["a.jpg"]) == 130
    assert capsys.readouterr() == ("", "easyseg: interrupted\n")


def test_nobody_reads(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(segment, "run", raising(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    assert main(["a.jpg"]) == 141
    assert capsys.readouterr() == ("", "")


def test_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["easyseg", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert easyseg.__version__ in capsys.readouterr().out


def test_no_standard_output(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(segment, "run", lambda options: 0)
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["a.jpg"]) == 0


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_the_parser_of_every_command_can_be_had(name: str | None):
    parser = parser_of(name)
    assert parser.prog == ("easyseg" if name is None else f"easyseg {name}")
    assert {"--help", "--debug"} <= set(parser._option_string_actions)
