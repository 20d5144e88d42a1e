"""What a network said of every class, kept on its own small grid for questions that come later."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from easyseg._types import FloatMap
from easyseg.errors import InputError
from easyseg.transforms.geometry import Geometry

_SURE = np.float32(30)
"""A margin of logits beyond which nothing changes, so that exponentials stay finite."""


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The logits of one photograph and where its pixels lie in them.

    Attributes:
        logits: Float32 (C, h, w); kept as a read-only view.
        geometry: As `Preprocess` gave it.
        kept: Ids of the classes that may still be asked for; None is all of them.

    Raises:
        InputError: The logits have another type or shape.
    """

    logits: npt.NDArray[np.float32] = field(repr=False)
    geometry: Geometry
    kept: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.logits.dtype != np.float32 or self.logits.ndim != 3 or 0 in self.logits.shape:
            raise InputError(
                "the scores of classes must be float32 of shape (C, h, w) without empty sides, got "
                f"{self.logits.dtype} of shape {self.logits.shape}"
            )
        view = self.logits.view()
        view.flags.writeable = False
        object.__setattr__(self, "logits", view)

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor: a pickle forgets that an array is read-only.
        return type(self), (self.logits, self.geometry, self.kept)

    def only(self, class_ids: Sequence[int]) -> "ClassScores":
        """Keeps some classes; the others go on competing, but nobody asks for them any more."""
        ids = frozenset(class_ids)
        return replace(self, kept=ids if self.kept is None else self.kept & ids)

    def probability(self, class_ids: Sequence[int], size: tuple[int, int]) -> FloatMap:
        """Gives the probability that a pixel belongs to one of some classes rather than another.

        It compares the best of these classes with the best of all others, so that it is above one
        half where the label is one of them, however many classes share what is left. The
        difference of the two logits is what is enlarged, bilinearly.

        Args:
            class_ids: The classes; those that the logits do not have or that were not kept count
                for nothing.
            size: Height and width of the result: the photograph, at any resolution.

        Returns:
            Probabilities 0..1, float32, of shape `size`.
        """
        chosen = np.zeros(len(self.logits), np.bool_)
        chosen[[i for i in class_ids if i < len(chosen) and self._is_kept(i)]] = True
        if not chosen.any() or chosen.all():
            return np.full(size, chosen.any(), np.float32)
        others = self.logits.copy(order="K")  # as they lie in memory: the maximum is quick so
        best = others[chosen].max(axis=0)
        others[chosen] = -np.inf
        margin = np.clip(np.nan_to_num(best - others.max(axis=0)), -_SURE, _SURE)
        vertical, horizontal = replace(self.geometry, original=size).axes(margin.shape)
        rows = _lerp(margin[vertical.low], margin[vertical.high], vertical.weight[:, np.newaxis])
        enlarged = _lerp(rows[:, horizontal.low], rows[:, horizontal.high], horizontal.weight)
        probability: FloatMap = np.reciprocal(1 + np.exp(-enlarged))
        return probability

    def _is_kept(self, class_id: int) -> bool:
        return self.kept is None or class_id in self.kept


def _lerp(first: FloatMap, second: FloatMap, weight: FloatMap) -> FloatMap:
    return first + (second - first) * weight
