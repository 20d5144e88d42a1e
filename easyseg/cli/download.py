"""Fetches models before they are needed; checks the fetched ones, and removes them."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from easyseg.errors import DownloadError, EasysegError, InputError

if TYPE_CHECKING:
    from easyseg.registry import Weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "models",
        metavar="NAME",
        nargs="*",
        help="a model (easyseg models lists them), or a tier: fast, balanced, best",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="all models, but for those whose licence asks for attention: those are fetched by "
        "name only",
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="ade20k (as a tier alone means) or voc; with --all, both"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--verify", action="store_true", help="fetch nothing; check what was fetched earlier"
    )
    action.add_argument("--remove", action="store_true", help="delete from the cache")
    action.add_argument(
        "--from",
        dest="file",
        metavar="FILE",
        help="fetch nothing; take this file, fetched by hand, as that of the model, after a check",
    )


def run(options: argparse.Namespace) -> int:
    """Fetches, checks or removes, and prints a line for each model.

    Returns:
        0; 1 when it failed for some of the models, or a check found something; 2 when it failed for
        all of several.

    Raises:
        EasysegError: If nothing could be done.
    """
    records = _records(options)
    if options.verify:
        return _verify(records, is_named=bool(options.models))
    if options.file is not None:
        if len(records) != 1:
            raise InputError("a file is that of one model: easyseg download --from FILE NAME")
        print(_adopt(records[0], options.file))
        return 0
    work = _remove if options.remove else _fetch
    if len(records) == 1:
        print(work(records[0]))
        return 0
    return _for_each(records, work)


def _records(options: argparse.Namespace) -> "list[Weights]":
    """Finds the models that are meant, each once."""
    from easyseg import registry

    if options.models and options.all:
        raise InputError("give names, or --all, not both")
    if options.models:
        found = [registry.resolve(model, options.dataset) for model in options.models]
        return list({record.name: record for record in found}.values())
    if not (options.all or options.verify):
        raise InputError("no model named: easyseg download NAME, where easyseg models lists them")
    records = [registry.get(name) for name in registry.names(options.dataset)]
    records = [record for record in records if record.file is None]
    if options.verify or options.remove:
        return records
    left_out = [record.name for record in records if record.notice]
    if left_out:
        _complain(
            "note: left out, as their licence asks for attention (each can be fetched by its "
            f"name): {', '.join(left_out)}"
        )
    return [record for record in records if not record.notice]


def _for_each(records: "list[Weights]", work: "Callable[[Weights], str]") -> int:
    if not records:
        print("nothing to do")
    failed = 0
    for record in records:
        try:
            print(work(record), flush=True)
        except EasysegError as error:
            failed += 1
            _complain(f"error: {' '.join(str(error).split())}")
    if not failed:
        return 0
    return 2 if failed == len(records) else 1


def _fetch(record: "Weights") -> str:
    from easyseg.engine import loader

    path = loader.file_of(record)
    return f"{record.name}: {path} ({_megabytes(path.stat().st_size)})"


def _remove(record: "Weights") -> str:
    from easyseg import download
    from easyseg.engine import loader

    if record.file is not None:
        return f"{record.name}: built in, and stays"
    freed = download.remove(loader.remote_file(record))
    return f"{record.name}: {f'removed, {_megabytes(freed)}' if freed else 'not in the cache'}"


def _adopt(record: "Weights", file: str) -> str:
    from easyseg import download
    from easyseg.engine import loader

    return f"{record.name}: {download.adopt(loader.remote_file(record), file)}"


def _verify(records: "list[Weights]", *, is_named: bool) -> int:
    """Checks what is in the cache; what is not there counts where it was asked for by name."""
    from easyseg import download
    from easyseg.engine import loader

    found = checked = 0
    for record in records:
        if record.file is not None:
            print(f"{record.name}: built in (easyseg doctor checks it)")
            continue
        remote = loader.remote_file(record)
        if not is_named and not download.path_of(remote).exists():
            continue
        checked += 1
        try:
            problem = download.problem(remote)
        except DownloadError as error:
            problem = str(error)
        found += bool(problem)
        advice = f". Fetch it: easyseg download {record.name}"
        print(f"{record.name}: {f'{problem}{advice}' if problem else 'right'}", flush=True)
    if not is_named and not checked:
        print("nothing in the cache yet")
    return 1 if found else 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _complain(line: str) -> None:
    print(f"easyseg: {line}", file=sys.stderr, flush=True)
