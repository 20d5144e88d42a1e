"""What a second thread, and each further one, is worth to the built-in network."""

import os

import torch

from benchmarks.measure import Results, Way, compare
from benchmarks.subjects import Settings
from easyseg.engine import Segmenter

PART = "threads"
SIDE = 512


def run(settings: Settings) -> Results:
    """Measures the forward pass with PyTorch at 1, 2, 4, ... threads, and one more than cores."""
    segmenter = Segmenter("builtin", dataset="ade20k", device="cpu", backend="torch")
    x = torch.randn(1, 3, SIDE, SIDE)
    cores = os.cpu_count() or 1
    counts = sorted({2**power for power in range(8) if 2**power <= cores} | {cores, cores + 1})
    before = torch.get_num_threads()
    ways = {f"threads: {count}": _with(count, segmenter, x) for count in counts}
    try:
        work = f"built-in ADE20K network, torch, {cores} cores (torch takes {before} by itself)"
        return compare(PART, work, ways, settings.turns, "threads: 1")
    finally:
        torch.set_num_threads(before)


def _with(count: int, segmenter: Segmenter, x: torch.Tensor) -> Way:
    def work() -> None:
        torch.set_num_threads(count)
        segmenter.logits(x)

    return work
