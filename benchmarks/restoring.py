"""From logits to labels and confidence at the photograph's size."""

import numpy as np
import torch

from benchmarks import subjects
from benchmarks.measure import Results, Skipped, Turns, compare
from benchmarks.subjects import Settings
from easyseg.transforms import Geometry, accelerator, restore, winner_confidence

PART = "restore"
SIZES = ((480, 640), (1080, 1920), (2160, 3840))
NAIVE = "interpolate, then argmax"


def run(settings: Settings) -> Results:
    """Measures 150 classes, 128x128 logits of a real photograph."""
    logits = subjects.real_logits().contiguous()
    compiled = accelerator.RESTORING.load()
    results: Results = []
    if not compiled:
        results.append(Skipped(PART, "easyseg, numba", "numba is not installed"))
    for height, width in SIZES:
        geometry = Geometry(*[(height, width)] * 3)
        ways = {NAIVE: lambda geometry=geometry: naive(logits, geometry)}
        for way in ("numpy", "numba") if compiled else ("numpy",):
            ways[f"easyseg, {way}"] = lambda way=way, geometry=geometry: ours(logits, geometry, way)
        _check(ways)
        turns = settings.turns if height < 2000 else settings.turns.at_most(3)
        results += compare(PART, f"labels at {width}x{height}", ways, turns, NAIVE)
    return results + _confidence(logits, compiled, settings.turns.at_most(3))


def _confidence(logits: torch.Tensor, compiled: bool, turns: Turns) -> Results:
    geometry = Geometry(*[(1080, 1920)] * 3)
    labels = restore(logits, geometry)
    softmax = "interpolate, then softmax"

    def confident(way: str) -> np.ndarray:
        with using(way):
            return winner_confidence(logits, geometry, labels)

    ways = {softmax: lambda: _enlarged(logits, geometry).softmax(1).amax(1)}
    for way in ("numpy", "numba") if compiled else ("numpy",):
        ways[f"easyseg, {way}"] = lambda way=way: confident(way)
    return compare(PART, "confidence at 1920x1080", ways, turns, softmax)


def naive(logits: torch.Tensor, geometry: Geometry) -> np.ndarray:
    """What everybody does."""
    with torch.inference_mode():
        return _enlarged(logits, geometry).argmax(1)[0].numpy()


def _enlarged(logits: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    return torch.nn.functional.interpolate(logits, geometry.original, mode="bilinear")


def ours(logits: torch.Tensor, geometry: Geometry, way: str) -> np.ndarray:
    """Restores with NumPy, or with numba."""
    with using(way):
        return restore(logits, geometry)


class using:  # noqa: N801 - reads as a statement
    """Switches between the compiled kernels and plain NumPy."""

    def __init__(self, way: str) -> None:
        self._way = way

    def __enter__(self) -> None:
        """Switches."""
        self._before = accelerator.RESTORING._module
        if self._way == "numpy":
            accelerator.RESTORING._module = None

    def __exit__(self, *_: object) -> None:
        """Switches back."""
        accelerator.RESTORING._module = self._before


def _check(ways: dict) -> None:
    """A faster answer that is another one would be worth nothing."""
    expected, *others = (way() for way in ways.values())
    for labels in others:
        differing = np.mean(labels != expected)
        if differing > 1e-5:
            raise RuntimeError(f"{differing:.2%} of the labels differ from the naive ones")
