"""The command line. A file for each command; what is heavy is imported when a command runs."""

import argparse
import contextlib
import difflib
import importlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO

import easyseg
from easyseg.errors import EasysegError, EasysegWarning
from easyseg.files import guarding
from easyseg.files.shown import visible

__all__ = ["COMMANDS", "main", "parser_of"]

COMMANDS = {
    "stats": "measure how much of pictures and videos each class covers: tables, charts, reports",
    "background": "change the background of photographs, a video or a camera; cut out",
    "camera": "segment a webcam or a stream live: in a window, on a page, into a file",
    "models": "list the models: classes, quality, size, licence",
    "download": "fetch models before they are needed; check and remove the fetched ones",
    "cache": "show what was downloaded: the folder, the files, their sizes",
    "evaluate": "measure a model on labelled photographs",
    "train": "train a model on labelled photographs of your own",
    "quantize": "make the 8-bit form of a model, calibrated on photographs of your own",
    "export": "write a model for other programs: ONNX or OpenVINO",
    "doctor": "tell what works on this machine, and what to do about what does not",
}
"""Words that are commands when they come first, each with its file in this package."""

_UNNAMED = "segment"
"""The command that is meant where none is named."""

_WRITING = ("segment", "stats", "background", "camera", "evaluate", "train", "export")
"""The commands that write where the user says."""

_OUTPUTS = ("output", "chart", "sheet", "report", "statistics", "json", "record")
"""The options that name what is written; others may name what is read."""

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Exit code: 0 when all went well, 1 when some of the pictures failed (or the doctor found
        something broken), 2 when nothing could be done, 130 after Ctrl-C, 141 when whoever read
        the output has left.

    Raises:
        SystemExit: After --help and --version, and when an option is not understood.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments.pop(0) if arguments and arguments[0] in COMMANDS else None
    options = parser_of(name).parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have any letter or byte
        sys.stdout.reconfigure(errors="backslashreplace")
    return _run(_module_of(name).run, options)


def parser_of(name: str | None = None) -> argparse.ArgumentParser:
    """Makes the parser of a command; None is that of `easyseg PHOTO...`."""
    command = _module_of(name)
    parser = _Parser(
        prog=f"easyseg {name}" if name else "easyseg",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show where in the code errors arise")
    if (name or _UNNAMED) in _WRITING:
        parser.add_argument(
            "--overwrite", action="store_true",
            help="replace files, too, that easyseg has not written, or that were changed since; "
            "inputs never",
        )  # fmt: skip
    if name is None:
        parser.epilog = _epilog()
        parser.add_argument("--version", action="version", version=f"easyseg {easyseg.__version__}")
    return parser


def _module_of(name: str | None) -> Any:
    return importlib.import_module(f"easyseg.cli.{name or _UNNAMED}")


def _named_files(options: argparse.Namespace) -> list[str]:
    """Lists what may be inputs among the words that the user wrote."""
    found: list[str] = []
    for name, value in vars(options).items():
        words = value if isinstance(value, list) else [value]
        if name not in _OUTPUTS:
            found += [word for word in words if isinstance(word, str)]
    return found


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        wrong = message.removeprefix("unrecognized arguments: ").partition("=")[0].split()[0]
        near = difflib.get_close_matches(wrong, self._option_string_actions, 1)
        if near and wrong.startswith("--") and wrong not in self._option_string_actions:
            message += f"; did you mean {near[0]}?"
        self.exit(2, f"easyseg: error: {message} ({self.prog} --help tells more)\n")


def _epilog() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  easyseg {name:{width}}   {text}" for name, text in COMMANDS.items())
    return f"commands:\n{commands}\n\nA file with the name of a command is given as ./models."


def _run(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Runs a command and turns what it raises into a line and an exit code."""
    try:
        overwrite = getattr(options, "overwrite", False)
        with _warnings_in_a_line(), guarding(_named_files(options), overwrite=overwrite):
            code = command(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say("easyseg: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _leave_stdout()
        return BROKEN_PIPE
    except (EasysegError, OSError) as error:
        if options.debug:
            traceback.print_exc()
        _leave_stdout()
        _say(f"easyseg: error: {' '.join(str(error).split())}")
        return 2
    return code


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Words easyseg's own warnings as its errors are; others stay as they are."""
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, EasysegWarning):
            _say(f"easyseg: warning: {message}")
        else:
            shown(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens
        print(visible(line), file=sys.stderr, flush=True)


def _leave_stdout() -> None:
    """Keeps Python from flushing to a stream that takes nothing more, which it would complain of.

    Does nothing where the stream still works.
    """
    try:
        sys.stdout.flush()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
