"""What stands between the two halves of a segmentation."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

from easyseg._types import Image
from easyseg.transforms import Geometry

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Prediction:
    """A picture and what the network said of it, before the labels are made.

    Attributes:
        image: RGB uint8 (H, W, 3).
        logits: Float32 (1, C, h, w), on the GPU where that is CUDA's, else on the CPU.
        geometry: Where the picture's pixels lie in them.
        timing: Seconds spent in each stage so far, by its name.
    """

    image: Image
    logits: torch.Tensor
    geometry: Geometry
    timing: Mapping[str, float]


def timed(timing: dict[str, float], stage: str, work: Callable[[], T]) -> T:
    """Does something, and notes under the stage's name how many seconds it took."""
    start = time.perf_counter()
    out = work()
    timing[stage] = time.perf_counter() - start
    return out
