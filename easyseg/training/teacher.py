"""The model whose answers the student learns from, beside the labels or instead of them."""

from typing import cast

import torch
from torch.nn import functional as F

from easyseg import labels
from easyseg._types import PathLike
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.options import DatasetName, Precision
from easyseg.transforms import Preprocess


class Teacher:
    """A trained model of the same classes.

    Args:
        model: A name, a tier or the path of a checkpoint.
        label_set: The classes that the student learns.
        device: Where it runs.
        precision: As for `Segmenter`.

    Attributes:
        preprocess: How it wants its input.
        name: Full name of the model.

    Raises:
        InputError: If there is no such model, or it knows other classes.
        ModelError: If it cannot be loaded.
    """

    def __init__(
        self,
        model: PathLike,
        label_set: LabelSet,
        *,
        device: torch.device,
        precision: Precision = "auto",
    ) -> None:
        self._segmenter = Segmenter(
            model, dataset=_dataset(label_set), device=device, precision=precision
        )
        known = self._segmenter.label_set
        if known.names != label_set.names:
            raise InputError(
                f"the teacher {self._segmenter.name!r} knows the {len(known)} classes of "
                f"{known.title}, and the student learns the {len(label_set)} of {label_set.title}: "
                "they must be the same"
            )
        self.preprocess: Preprocess = self._segmenter.weights.preprocess
        self.name = self._segmenter.name

    def logits(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Answers.

        Args:
            x: Normalised crops, float (N, 3, h, w).
            size: (height, width) of the student's logits.

        Returns:
            Logits of that size, float32 (N, C, height, width), which gradients may meet.
        """
        out = self._segmenter.logits(x)[:, self._segmenter.weights.first_class :]
        with torch.no_grad():
            return F.interpolate(
                # A copy: what inference mode made may not enter a gradient.
                out.clone(),
                size,
                mode="bilinear",
                align_corners=self.preprocess.align_corners,
            )


def _dataset(label_set: LabelSet) -> DatasetName | None:
    try:
        return cast(DatasetName, labels.get(label_set.name).name)
    except InputError:
        return None
