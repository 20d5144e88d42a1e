"""Sums over many pictures, and over the time of a video, in memory that does not grow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from easyseg.labels import LabelSet

_MOST_STEPS = 4096
"""A time line with more points than this would not be seen to be finer."""


@dataclass
class Totals:
    """How much of many pictures every class covers.

    Attributes:
        label_set: The classes.
        pictures: How many were added.
    """

    label_set: LabelSet
    pictures: int = 0
    _sums: dict[str, float] = field(default_factory=dict)
    _pictures_with: dict[str, int] = field(default_factory=dict)

    def add(self, ratios: Mapping[str, float]) -> None:
        """Adds a picture's share of each class, 0 to 1, by its name."""
        self.pictures += 1
        for name, ratio in ratios.items():
            self._sums[name] = self._sums.get(name, 0.0) + ratio
            self._pictures_with[name] = self._pictures_with.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Mean share over all pictures of each class that occurred, the largest first."""
        means = {name: total / self.pictures for name, total in self._sums.items()}
        return dict(sorted(means.items(), key=lambda one: -one[1]))

    def pictures_with(self, name: str) -> int:
        """Number of the pictures that have a class."""
        return self._pictures_with.get(name, 0)


class TimeLine:
    """How much of the picture every class covers, over time.

    Neighbouring moments are put together, by their mean, when there are too many of them.

    Args:
        label_set: The classes.
    """

    def __init__(self, label_set: LabelSet) -> None:
        self.label_set = label_set
        self._sums = np.zeros((_MOST_STEPS, len(label_set) + 1))  # the last column is the time
        self._steps = 0
        self._frames_in_step = 1
        self._frames_in_last = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added."""
        return not self._steps

    def add(self, time: float, ratios: Mapping[str, float]) -> None:
        """Adds a frame: its time in seconds, and the share of each class, 0 to 1, by its name."""
        if self._frames_in_last == 0:
            if self._steps == _MOST_STEPS:
                half = _MOST_STEPS // 2
                self._sums[:half] = self._sums[0::2] + self._sums[1::2]
                self._sums[half:] = 0
                self._steps, self._frames_in_step = half, 2 * self._frames_in_step
            self._steps += 1
        row = self._sums[self._steps - 1]
        for name, ratio in ratios.items():
            row[self.label_set.names.index(name)] += ratio
        row[-1] += time
        self._frames_in_last = (self._frames_in_last + 1) % self._frames_in_step

    def shares(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Times, (T,) seconds, and the classes' mean shares at them, (T, len(label_set))."""
        frames = np.full(self._steps, self._frames_in_step)
        if self._frames_in_last:
            frames[-1] = self._frames_in_last
        means = self._sums[: self._steps] / frames[:, np.newaxis]
        return means[:, -1], means[:, :-1]
