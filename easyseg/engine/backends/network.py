"""What every backend gives, and what it starts from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from easyseg.engine import loader
from easyseg.engine.fuse import fold_batch_norm
from easyseg.engine.heads import merge_heads
from easyseg.registry import Weights


class Network(Protocol):
    """A network that is ready to run, from any number of threads."""

    @property
    def backend(self) -> str:
        """Name of the backend."""

    @property
    def precision(self) -> str:
        """Name of the precision."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Maps normalised pictures, float (N, 3, h, w), to its logits, float32 (N, C, h', w')."""


@dataclass(frozen=True)
class Checkpoint:
    """A network that is not loaded yet.

    Attributes:
        weights: Its record.
        path: Its file.
        output_stride: See `Segmenter`.
    """

    weights: Weights
    path: Path
    output_stride: int | None = None

    def load(self) -> nn.Module:
        """Loads it, in evaluation mode, float32, on the CPU, rewritten to be faster.

        Raises:
            InputError: If the architecture cannot run at that output stride.
            ModelError: If the file does not fit the record.
        """
        module = loader.load(self.weights, self.path, output_stride=self.output_stride)
        return merge_heads(fold_batch_norm(module)).eval()
