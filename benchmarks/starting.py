"""From a cold start to the first picture, each time in a new process."""

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks import subjects
from benchmarks.measure import Results, compare
from benchmarks.subjects import Settings

PART = "start"
WAYS = {
    "python alone": "pass",
    "import easyseg": "import easyseg",
    "import torch": "import torch",
    "first picture": (
        "import easyseg; easyseg.segment({photo!r}, dataset='ade20k', model='builtin').overlay()"
    ),
}


def run(settings: Settings) -> Results:
    """Measures; files are in the system's cache after the first time."""
    photo = str(subjects.photograph(settings.folder))
    ways = {way: _process(code.format(photo=photo)) for way, code in WAYS.items()}
    return compare(PART, "a new process", ways, settings.turns.at_most(5), "import torch")


def _process(code: str) -> Callable[[], float]:
    """Runs code in a new interpreter; gives the seconds that the processor worked for it."""

    def work() -> float:
        before = _of_children()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return _of_children() - before

    return work


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
