"""What the site holds that is written elsewhere: MkDocs calls this while it builds.

The command line comes from its parsers, the table of models from the registry, the changelog, the
architecture and the model cards from their files, the pictures from `examples/pictures`.
"""

import argparse
import contextlib
import io
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from easyseg.cli import COMMANDS, main, parser_of

ROOT = Path(__file__).resolve().parent.parent
CARD = "weights/deeplabv3plus_mobilenet_v2_tensorflow"

PAGES = {
    "house/changelog.md": "CHANGELOG.md",
    "house/architecture.md": "CONTRIBUTING.md",
    "house/benchmarks.md": "benchmarks/results/README.md",
    "house/measuring.md": "benchmarks/README.md",
    "house/card-voc.md": f"{CARD}.voc.md",
    "house/card-ade20k.md": f"{CARD}.ade20k.md",
}
"""Pages of the site that are files of the repository."""

PICTURES = ("examples/pictures", "benchmarks/results")
"""Folders of the repository whose pictures are in `pictures/`."""

LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages and the pictures."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=moved(text, source, page)))
    files.append(File.generated(config, "reference/cli.md", content="\n".join(command_line())))
    for path in (path for folder in PICTURES for path in sorted((ROOT / folder).iterdir())):
        if path.suffix in {".jpg", ".png"}:
            name = f"pictures/{path.name}"
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts the table of models where a page asks for it."""
    return (
        markdown.replace("<!-- models -->", models()) if "<!-- models -->" in markdown else markdown
    )


def moved(text: str, source: str, page: str) -> str:
    """Rewrites the links of a file for its place in the site; what is not in it is named only."""
    pages = {path: name for name, path in PAGES.items()}

    def link(match: re.Match[str]) -> str:
        words, target = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if posixpath.dirname(path) in PICTURES:
            pages[path] = f"pictures/{posixpath.basename(path)}"
        if path in pages:
            return f"[{words}]({posixpath.relpath(pages[path], posixpath.dirname(page))})"
        return words if words == path else f"{words} (`{path}`)"

    return LINK.sub(link, text)


def models() -> str:
    """The registry as a table."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main(["models", "--markdown"])
    return text.getvalue()


def command_line() -> Iterator[str]:
    """The page of the command line, from what its parsers know."""
    yield "# The command line\n"
    yield "`easyseg COMMAND --help` tells the same. All commands take `--debug`.\n"
    yield "| command | what it does |\n| --- | --- |"
    yield "| [`easyseg`](#easyseg) | segment photographs and videos |"
    for name, text in COMMANDS.items():
        yield f"| [`easyseg {name}`](#easyseg-{name}) | {escaped(text)} |"
    yield ""
    for name in (None, *COMMANDS):
        yield from command(parser_of(name), is_first=name is None)


def command(parser: argparse.ArgumentParser, is_first: bool) -> Iterator[str]:
    """A section: what the command does, its options group by group, its last words."""
    yield f"## {parser.prog}\n"
    yield f"{parser.description}\n"
    usage = parser.format_usage().removeprefix("usage: ")
    yield f"```text\n{shortened(usage, parser.prog)}\n```\n"
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if is_shown(action)]
        if actions:
            if group.description:
                yield f"{escaped(group.description)}\n"
            yield f"| {group.title} | meaning |\n| --- | --- |"
            for action in actions:
                yield f"| {spelt(action)} | {explained(action, parser)} |"
            yield ""
    if parser.epilog and not is_first:
        yield f"```text\n{parser.epilog.strip()}\n```\n"


def is_shown(action: argparse.Action) -> bool:
    """Whether an option is one of the command's own."""
    return action.help != argparse.SUPPRESS and action.dest not in {"help", "debug"}


def shortened(usage: str, prog: str) -> str:
    """The usage where it is written by hand, else the command with its arguments alone."""
    if "\n" not in usage.strip() or usage.count(prog) > 1:
        return "\n".join(line.strip() for line in usage.strip().splitlines())
    arguments = re.sub(r"\[-[^\]]*(\[[^\]]*\][^\]]*)*\]|\(--[^)]*\)", "", " ".join(usage.split()))
    return " ".join(arguments.replace(prog, f"{prog} [options]", 1).split())


def spelt(action: argparse.Action) -> str:
    """The names of an option with what it takes."""
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    if action.nargs == 0:
        value = ""
    elif action.choices is not None and action.metavar is None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        metavar = action.metavar or action.dest.upper()
        value = f"[{metavar}]" if action.nargs == "?" else str(metavar)
    return ", ".join(f"`{name} {value}`".replace(" `", "`") for name in action.option_strings)


def explained(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """The help of an option, as argparse fills it in."""
    formatter = parser._get_formatter()
    return escaped(formatter._expand_help(action)) if action.help else ""


def escaped(text: str) -> str:
    """Keeps what Markdown and tables would take for their own."""
    return re.sub(r"([|*_<\[\]])", r"\\\1", " ".join(text.split()))
