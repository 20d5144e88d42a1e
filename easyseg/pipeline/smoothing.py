"""Calms the flicker of a video's labels: mixes each frame's class probabilities with those before.

Exponential smoothing on the network's own small grid, cell by cell. Where the picture has changed,
the past counts less or nothing; at a scene cut it is forgotten.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch

from easyseg._types import FloatMap, Image, LabelMap
from easyseg.engine import Prediction
from easyseg.errors import InputError
from easyseg.pictures.image import resize
from easyseg.transforms import Geometry

STRENGTHS = {"off": 0.0, "light": 0.5, "strong": 0.8}
"""Share of the past in a cell whose picture stays the same, by name."""

STILL, MOVED = 6.0, 24.0
"""Change of a cell's mean colour, in grey levels of 255: up to the first it counts as the noise of
a camera, from the second on as another thing."""

CUT = 0.6
"""Share of the cells that have to change for a scene cut."""

_LEAST = 1e-9

Past: TypeAlias = tuple[torch.Tensor, FloatMap]
"""Smoothed probabilities, float32 (1, C, h, w), and mean colours, float32 (h, w, 3), of a frame."""


class Smoother:
    """Smooths predictions over time; feed it the frames of one video in their order.

    Args:
        strength: `"off"`, `"light"` (half of the past is kept) or `"strong"` (four fifths).

    Attributes:
        past: What it remembers: None at the beginning, and always where it is off.

    Raises:
        InputError: If the strength is not one of these.
    """

    def __init__(self, strength: str = "light") -> None:
        if strength not in STRENGTHS:
            raise InputError(f"smoothing must be one of {', '.join(STRENGTHS)}, got {strength!r}")
        self._keep = STRENGTHS[strength]
        self.past: Past | None = None

    def __call__(self, prediction: Prediction) -> Prediction:
        """Takes the next frame.

        Args:
            prediction: What the network said.

        Returns:
            The same, with the logarithms of the smoothed probabilities for logits.
        """
        if not self._keep:
            return prediction
        logits = prediction.logits.cpu()
        grid = (logits.shape[-2], logits.shape[-1])
        thumbnail = _thumbnail(prediction.image, prediction.geometry, grid)
        state = logits.softmax(dim=1)
        if self.past is not None and self.past[0].shape == state.shape:
            weight = self._weight(np.abs(thumbnail - self.past[1]).max(axis=2))
            state = torch.lerp(state, self.past[0], torch.from_numpy(weight)[None, None])
        self.past = (state, thumbnail)
        return replace(prediction, logits=state.clamp_min(_LEAST).log())

    def reset(self) -> None:
        """Forgets the past."""
        self.past = None

    def _weight(self, change: FloatMap) -> FloatMap:
        """The share of the past in each cell, float32 (h, w)."""
        if np.mean(change > MOVED) > CUT:
            return np.zeros_like(change)
        still = np.clip((MOVED - change) / (MOVED - STILL), 0, 1)
        return np.asarray(self._keep * still, np.float32)


def flicker(labels: Sequence[LabelMap], images: Sequence[Image]) -> float:
    """Measures flicker: how often a label changes between frames where the picture does not.

    Args:
        labels: A label map (H, W) for each of at least two frames.
        images: The frames, RGB uint8 (H, W, 3).

    Returns:
        Share, 0 to 1, of the pixels that stay within a camera's noise whose label changes.
    """
    changed = still = 0
    for before, after, first, second in zip(labels, labels[1:], images, images[1:], strict=False):
        same = np.abs(second.astype(np.int16) - first).max(axis=2) <= STILL
        changed += int(np.count_nonzero((before != after) & same))
        still += int(np.count_nonzero(same))
    return changed / max(still, 1)


def _thumbnail(image: Image, geometry: Geometry, grid: tuple[int, int]) -> FloatMap:
    """Mean colour of each cell of the logits, float32 (h, w, 3); 0 where there is padding."""
    scale = [cells / size for cells, size in zip(grid, geometry.padded, strict=True)]
    first = [round(o * s) for o, s in zip(geometry.offset, scale, strict=True)]
    last = [
        max(f + 1, round((o + r) * s))
        for f, o, r, s in zip(first, geometry.offset, geometry.resized, scale, strict=True)
    ]
    small = resize(image, (last[0] - first[0], last[1] - first[1]), "area")
    canvas: FloatMap = np.zeros((*grid, 3), np.float32)
    inside = canvas[first[0] : last[0], first[1] : last[1]]
    inside[:] = small[: inside.shape[0], : inside.shape[1]]
    return canvas
