"""Runs the suite: python -m benchmarks [PART...]; see README.md beside this."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    cameras,
    drawing,
    memory,
    networks,
    photographs,
    report,
    restoring,
    starting,
    threads,
    training,
    videos,
)
from benchmarks.check import TOLERANCE, regressions
from benchmarks.measure import Results, Turns, as_json, facts, from_json
from benchmarks.subjects import Settings

PARTS: dict[str, Callable[[Settings], Results]] = {
    "network": networks.run,
    "restore": restoring.run,
    "drawing": drawing.run,
    "photograph": photographs.run,
    "video": videos.run,
    "live": cameras.run,
    "memory": memory.run,
    "start": starting.run,
    "threads": threads.run,
    "training": training.run,
}


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measures easyseg.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--rounds", type=int, default=9, help="how often the ways take turns")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: seconds of the processor, for a busy machine")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="writes it all there")
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="writes the table there")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draws it there")
    parser.add_argument("--check", type=Path, metavar="FILE.json",
                        help="fails if a ratio is well below that of an earlier run")  # fmt: skip
    parser.add_argument("--tolerance", type=float, default=TOLERANCE,
                        help="share of an earlier ratio that is still good")  # fmt: skip
    parser.add_argument("--pixellib-python", type=Path, metavar="PATH",
                        help="a Python with PixelLib and TensorFlow")  # fmt: skip
    parser.add_argument("--torchvision-python", type=Path, metavar="PATH",
                        help="a Python with torchvision")  # fmt: skip
    parser.add_argument("--light", action="store_true", help="leaves the large network out")
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(
            f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; the exit status is 1 if `--check` finds a regression."""
    options = parsed(arguments)
    recorded = from_json(json.loads(options.check.read_text("utf-8"))) if options.check else []
    results: Results = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            Path(folder),
            Turns(options.rounds, options.clock),
            options.pixellib_python,
            options.torchvision_python,
            not options.light,
        )
        for name in options.parts or PARTS:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            results += PARTS[name](settings)
    machine = {**facts(), "clock": options.clock}
    text = report.table(results, machine)
    print(text)
    if options.output:
        options.output.write_text(json.dumps(as_json(results, machine), indent=1) + "\n", "utf-8")
    if options.table:
        options.table.write_text(text, "utf-8")
    if options.plot:
        report.plot(results, options.plot)
    return _checked(results, recorded, options.tolerance) if options.check else 0


def _checked(results: Results, recorded: Results, tolerance: float) -> int:
    found, compared = regressions(results, recorded, tolerance)
    print(f"{compared} ratios compared, {len(found)} of them worse:")
    for one in found:
        print(f"  {one}")
    if not compared:
        print("nothing could be compared: the two runs have no ratio in common")
    return 1 if found or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
