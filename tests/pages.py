"""Runs all that pages of the documentation show, from top to bottom, as their reader would.

`python tests/pages.py PAGE...` in the reader's folder. What Python's snippets define stays for
those below. Commands run in this process, which saves PyTorch's start; what needs a shell has one.
"""

import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from easyseg.cli import main

BLOCK = re.compile(r"(?:<!-- (\w+) -->\n)?^( *)```(\w+)[^\n]*\n(.*?)^ *```$", re.S | re.M)


class Block(NamedTuple):
    """What stands between two fences: the comment before it, the language, and where it begins."""

    marker: str | None
    language: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """Lists the blocks of a page of Markdown."""
    return [
        Block(found[1], found[3], dedent(found[4]), text.count("\n", 0, found.start(4)))
        for found in BLOCK.finditer(text)
    ]


def commands(block: Block) -> Iterator[str]:
    """The lines of a block of commands, without the remarks behind them."""
    for line in block.code.splitlines():
        command = line.split("  #")[0].strip()
        if command:
            yield command


def run_pages(pages: Sequence[Path]) -> int:
    """Runs one page after another; counts those in which something failed, after telling what."""
    failed = 0
    for page in pages:
        sys.stdout.write(f"{page}\n")
        try:
            run_page(page)
        except (Exception, SystemExit):  # noqa: BLE001 - told, and the next page is run
            failed += 1
            traceback.print_exc()
    return failed


def run_page(page: Path) -> None:
    """Runs a page; what fails raises, with its place in the page."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page.read_text("utf-8")):
        if block.language == "python":
            exec(compile("\n" * block.line + block.code, page, "exec"), names)
        elif block.language == "bash":
            for command in commands(block):
                run_command(command)


def run_command(command: str) -> None:
    """Runs a line of a shell; an exit code other than 0 is an error."""
    sys.stdout.write(f"$ {command}\n")
    words = list(shlex.shlex(command, punctuation_chars=True, posix=True))
    if words[0] == "easyseg" and not any(set(word) <= set("();<>|&") for word in words):
        code = main(shlex.split(command)[1:])
    else:
        code = subprocess.run(["bash", "-c", command], check=False).returncode
    if code:
        raise SystemExit(f"exit code {code} of: {command}")


if __name__ == "__main__":
    sys.exit(run_pages([Path(page) for page in sys.argv[1:]]))
