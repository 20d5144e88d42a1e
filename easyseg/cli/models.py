"""Lists the models: the classes they know, what was measured, their size and licence."""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from easyseg.registry import Weights

_HEADER = ("MODEL", "DATA SET", "TIERS", "MEASURED", "PARAMETERS", "FILE", "WHERE", "LICENCE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--dataset", metavar="NAME", help="only those for ade20k, or for voc")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a line of JSON for each model")
    form.add_argument("--markdown", action="store_true", help="a table for a Markdown page")


def run(options: argparse.Namespace) -> int:
    """Prints the list.

    Returns:
        0.

    Raises:
        InputError: If there is no such data set.
    """
    from easyseg import registry

    records = [registry.get(name) for name in registry.names(options.dataset)]
    if options.json:
        for record in records:
            print(json.dumps(_facts(record)))
    elif options.markdown:
        print(_markdown(records))
    else:
        print(_table([_HEADER, *map(_row, records)]))
    return 0


def _facts(record: "Weights") -> dict[str, Any]:
    return {
        "name": record.name,
        "title": record.title,
        "dataset": record.dataset,
        "tiers": list(record.tiers),
        "metrics": dict(record.metrics),
        "measured_on": record.measured_on,
        "parameters": record.parameters,
        "size": record.size,
        "where": _where(record),
        "licence": record.licence,
        "source": record.source,
    }


def _row(record: "Weights") -> tuple[str, ...]:
    return (
        record.name,
        record.dataset,
        ", ".join(record.tiers) or "-",
        _measured(record) or "-",
        _parameters(record),
        f"{record.size / 1e6:.1f} MB" if record.size else "-",
        _where(record),
        record.licence,
    )


def _markdown(records: Sequence["Weights"]) -> str:
    """The table of the documentation: what is true on every machine."""
    lines = [
        "| model | tiers | measured | parameters | licence |",
        "| --- | --- | --- | --- | --- |",
    ]
    for record in records:
        tiers = ", ".join(record.tiers)
        figures = (_measured(record), _parameters(record))
        cells = (f"`{record.name}`", tiers, *figures, record.licence)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _measured(record: "Weights") -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in record.metrics.items())


def _parameters(record: "Weights") -> str:
    return f"{record.parameters / 1e6:.1f} M"


def _where(record: "Weights") -> str:
    """Tells whether the file is here; makes no folder and uses no network."""
    from easyseg.engine import loader

    if loader.is_here(record):
        return "fetched" if record.file is None else "built in"
    return "to fetch" if record.file is None else "missing"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)
