"""Measures ways of doing the same work, taking turns, and holds what came out."""

import dataclasses
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import torch

PACKAGES = ("torch", "numpy", "opencv-python", "pillow", "av", "numba", "openvino", "onnxruntime")
LONGEST = 60.0
"""Seconds after which no further round is begun, once there are three."""

FEWEST_ROUNDS = 3

SETTLE = 0.1
"""Seconds between two ways: an engine's threads go on spinning for a while after their work, and
the next way would share the cores with them."""


@dataclass(frozen=True)
class Row:
    """One way of doing a piece of work.

    Attributes:
        part: The part of the suite.
        work: What is done.
        way: How.
        value: Median of the rounds.
        unit: `"ms"`, `"MB"` or `"frames/s"`.
        low: Lower quartile.
        high: Upper quartile.
        rounds: How many there were.
        against: The way that it is compared with; empty for that one itself.
        ratio: How many times as good as that one, in the same run; 1 for that one itself.
    """

    part: str
    work: str
    way: str
    value: float
    unit: str
    low: float
    high: float
    rounds: int
    against: str = ""
    ratio: float = 1.0

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.part, self.work, self.way


@dataclass(frozen=True)
class Turns:
    """How ways are measured.

    Attributes:
        rounds: How often they take turns.
        clock: `"wall"`, or `"cpu"` for the seconds that the processor worked for this process and
            its peers: what remains comparable on a busy machine.
    """

    rounds: int = 9
    clock: str = "wall"

    def at_most(self, rounds: int) -> "Turns":
        """The same with fewer rounds, for work that takes long."""
        return dataclasses.replace(self, rounds=min(rounds, self.rounds))

    def seconds(self, way: "Way") -> float:
        """Runs a way once and times it."""
        clock = time.process_time if self.clock == "cpu" else time.perf_counter
        start = clock()
        elsewhere = way()
        # A way that works in another process returns the seconds of that one's processor.
        other = elsewhere if self.clock == "cpu" and isinstance(elsewhere, float) else 0.0
        return clock() - start + other


@dataclass(frozen=True)
class Skipped:
    """A way that could not be measured here, and why."""

    part: str
    way: str
    reason: str


Results = list[Row | Skipped]
Way = Callable[[], object]


def take_turns(ways: Mapping[str, Way], turns: Turns) -> dict[str, list[float]]:
    """Runs each way once to warm it up, then all of them in turn, again and again.

    Returns:
        The seconds of every round, by the way.
    """
    for way in ways.values():
        way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    began = time.perf_counter()
    for number in range(max(turns.rounds, FEWEST_ROUNDS)):
        if number >= FEWEST_ROUNDS and time.perf_counter() - began > LONGEST:
            break
        for name, way in ways.items():
            time.sleep(SETTLE)
            taken[name].append(turns.seconds(way))
    return taken


def compare(part: str, work: str, ways: Mapping[str, Way], turns: Turns, against: str) -> Results:
    """Measures ways in turn, in milliseconds, with ratios to one of them."""
    taken = take_turns(ways, turns)
    scaled = {name: [1000 * second for second in seconds] for name, seconds in taken.items()}
    return rows_of(part, work, scaled, "ms", against)


def rows_of(
    part: str, work: str, taken: Mapping[str, list[float]], unit: str, against: str
) -> Results:
    """Makes rows of what was measured; of frames a second more is better, of all else less."""
    base = statistics.median(taken[against])
    rows: Results = []
    for way, values in taken.items():
        middle = statistics.median(values)
        low, high = _quartiles(values)
        ratio = middle / base if unit == "frames/s" else base / middle
        own = way == against
        rows.append(
            Row(
                part, work, way, middle, unit, low, high, len(values), "" if own else against, ratio
            )
        )
    return rows


def _quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return cuts[0], cuts[2]


def facts() -> dict[str, Any]:
    """What the figures depend on: processor, threads, versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "bf16_in_hardware": any(
            getattr(torch.cpu, name, bool)()
            for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        ),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch_threads": torch.get_num_threads(),
        "opencv_threads": cv2.getNumThreads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": versions,
    }


def processor() -> str:
    """The processor's name, as it calls itself."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def as_json(results: Results, machine: Mapping[str, Any]) -> dict[str, Any]:
    """What a results file holds."""
    return {
        "machine": dict(machine),
        "rows": [dataclasses.asdict(row) for row in results if isinstance(row, Row)],
        "skipped": [dataclasses.asdict(row) for row in results if isinstance(row, Skipped)],
    }


def from_json(content: Mapping[str, Any]) -> Results:
    """The way back from `as_json`."""
    rows: Results = [Row(**row) for row in content["rows"]]
    return rows + [Skipped(**row) for row in content["skipped"]]
