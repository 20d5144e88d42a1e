"""A step of a training, with the memory that the one before has freed and without."""

import sys
from contextlib import ExitStack
from pathlib import Path

import torch

from benchmarks import peers
from benchmarks.measure import Results, Skipped, compare
from benchmarks.subjects import Settings

PART = "training"
PLAIN = "torch, freed memory goes back to the system"


def run(settings: Settings) -> Results:
    """Measures eight crops of 384, built-in network, fp32, in a process for each way."""
    if not sys.platform.startswith("linux"):
        return [Skipped(PART, "all", "glibc's allocator is Linux's")]
    python = Path(sys.executable)
    with ExitStack() as stack:
        ways = {
            name: stack.enter_context(peers.peer(python, "training_peer.py", kind))
            for name, kind in ((PLAIN, "plain"), ("easyseg.train, freed memory is kept", "kept"))
        }
        work = f"step of 8 crops of 384, built-in network, {torch.get_num_threads()} threads"
        return compare(PART, work, ways, settings.turns, PLAIN)
