"""Makes the batches of a training, each from nothing but its number."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from easyseg._types import Image
from easyseg.datasets import Dataset
from easyseg.training.augment import Augment, Crop
from easyseg.training.sampling import CROP, Sampler, generator
from easyseg.transforms import Preprocess

UNLABELLED_SEED = 1_000_003
"""Added to the seed for the unlabelled photographs, so that they are drawn independently."""


@dataclass(frozen=True)
class Batch:
    """Crops, ready for the networks.

    Attributes:
        x: The network's input, float32 (N, 3, crop, crop), channels last.
        labels: int64 (N, crop, crop); 255 does not count.
        inside: bool (N, crop, crop), where there is a photograph.
        teacher_x: The teacher's input, or None where there is no teacher.
    """

    x: torch.Tensor
    labels: torch.Tensor
    inside: torch.Tensor
    teacher_x: torch.Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Moves it to a device."""
        teacher_x = None if self.teacher_x is None else self.teacher_x.to(device)
        return Batch(self.x.to(device), self.labels.to(device), self.inside.to(device), teacher_x)


@dataclass(frozen=True)
class BatchMaker:
    """Makes batch after batch; safe to call from several threads.

    Attributes:
        labelled: Photographs with labels.
        sampler: Their order.
        augment: Makes a crop of a photograph.
        batch_size: Crops in a batch.
        seed: Of the training.
        unlabelled: Photographs without labels, or None.
        from_unlabelled: How many crops of a batch are theirs.
        teacher: How the teacher wants its input, or None.
    """

    labelled: Dataset
    sampler: Sampler
    augment: Augment
    batch_size: int
    seed: int
    unlabelled: Dataset | None = None
    from_unlabelled: int = 0
    teacher: Preprocess | None = None

    def __call__(self, number: int) -> Batch:
        """Makes the batch of this number, from 0.

        Raises:
            InputError: If a photograph and its labels do not fit.
            MediaError: If a file cannot be read.
        """
        with_labels = self.batch_size - self.from_unlabelled
        crops = [self._labelled(number * with_labels + place) for place in range(with_labels)]
        crops += [
            self._unlabelled(number * self.from_unlabelled + place)
            for place in range(self.from_unlabelled)
        ]
        images = [crop.image for crop in crops]
        return Batch(
            x=normalised(images, self.augment.preprocess),
            labels=torch.from_numpy(np.stack([crop.labels for crop in crops])).long(),
            inside=torch.from_numpy(np.stack([crop.inside for crop in crops])),
            teacher_x=None if self.teacher is None else normalised(images, self.teacher),
        )

    def _labelled(self, number: int) -> Crop:
        draw = self.sampler.draw(number)
        sample = self.labelled[draw.index]
        rng = generator(self.seed, CROP, number)
        return self.augment(sample.image, sample.labels, rng, draw.focus)

    def _unlabelled(self, number: int) -> Crop:
        if self.unlabelled is None:
            raise RuntimeError("a batch was to hold unlabelled photographs, and there are none")
        seed = self.seed + UNLABELLED_SEED
        index = Sampler(len(self.unlabelled), seed).draw(number).index
        return self.augment(self.unlabelled.image(index), None, generator(seed, CROP, number))


def normalised(images: list[Image], preprocess: Preprocess) -> torch.Tensor:
    """Scales colours as a model wants them, and leaves sizes as they are.

    Args:
        images: RGB uint8 (h, w, 3), all of one size.
        preprocess: The model's.

    Returns:
        float32 (N, 3, h, w), channels last.
    """
    as_it_is = replace(preprocess, resize="native", divisor=1, square=False, max_size=None)
    tensors = [as_it_is(image)[0] for image in images]
    return torch.cat(tensors).contiguous(memory_format=torch.channels_last)
