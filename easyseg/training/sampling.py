"""Which photograph comes when: a pure function of the seed and of the place in the training."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from easyseg.datasets import Dataset
from easyseg.datasets.prefetch import Prefetch

ORDER, CHOICE, CROP = range(3)
"""What a generator of random numbers is for, so that no two share their numbers."""


@dataclass(frozen=True)
class Draw:
    """A photograph to take.

    Attributes:
        index: Its place in the data set.
        focus: Class that the crop is to hold; None leaves the place to chance.
    """

    index: int
    focus: int | None


def generator(seed: int, purpose: int, number: int) -> np.random.Generator:
    """Makes a generator of its own for one purpose and one place in the training.

    Args:
        seed: Of the training.
        purpose: One of the constants of this module.
        number: Of the epoch, or of the draw.

    Returns:
        A generator that depends on nothing else.
    """
    return np.random.default_rng([seed, purpose, number])


@dataclass(frozen=True)
class Sampler:
    """Goes through the photographs in a random order, and favours rare classes.

    Attributes:
        count: Number of photographs.
        seed: Of the training.
        balance: Share of the draws that choose a class first, and then a photograph that holds it.
        holders: For each class, the photographs that hold it; without any there is no balance.
    """

    count: int
    seed: int
    balance: float = 0.0
    holders: Sequence[npt.NDArray[np.int64]] = field(default=(), repr=False)

    def draw(self, number: int) -> Draw:
        """Says which photograph is the `number`-th, from 0; there is no end."""
        rng = generator(self.seed, CHOICE, number)
        present = [class_id for class_id, held in enumerate(self.holders) if len(held)]
        if present and rng.random() < self.balance:
            focus = present[rng.integers(len(present))]
            held = self.holders[focus]
            return Draw(int(held[rng.integers(len(held))]), focus)
        epoch, place = divmod(number, self.count)
        return Draw(int(_order(self.seed, epoch, self.count)[place]), None)


@lru_cache(maxsize=8)
def _order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    return generator(seed, ORDER, epoch).permutation(count)


def class_holders(
    dataset: Dataset, num_classes: int, *, workers: int
) -> list[npt.NDArray[np.int64]]:
    """Finds which photographs hold which class, by reading all masks once.

    Args:
        dataset: Labelled photographs.
        num_classes: Number of classes.
        workers: Threads that read.

    Returns:
        For each class the places of the photographs with at least one pixel of it, ascending.

    Raises:
        InputError: If a mask holds an id that is no class.
        MediaError: If a mask cannot be read.
    """

    def classes_of(index: int) -> npt.NDArray[np.bool_]:
        present = np.bincount(dataset.labels(index).ravel(), minlength=256) > 0
        return present[:num_classes]

    with Prefetch(classes_of, range(len(dataset)), workers=workers, ahead=64) as rows:
        table = np.stack(list(rows))
    return [np.flatnonzero(table[:, class_id]) for class_id in range(num_classes)]
