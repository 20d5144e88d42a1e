"""Several pictures through the network at once, for devices that are faster so: GPUs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from easyseg._types import Image
from easyseg.engine.inputs import prepare_batch
from easyseg.engine.prediction import Prediction, timed
from easyseg.engine.tiles import is_lack_of_memory
from easyseg.transforms import Geometry, Preprocess

MOST = 8
"""How many pictures go through the network at once. One of 512x512 is too little work for most of
a GPU's cores; eight have the pixels of one of 1448x1448. More would need more memory for little,
and reading them first would keep the GPU waiting longer. Reasoned, not measured: `python -m
benchmarks.gpu` shows 1, 8 and 32."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A picture that was read and resized, and waits for others.

    Attributes:
        image: RGB uint8 (H, W, 3).
        pixels: The same at the size for the network, RGB uint8 (h, w, 3).
        geometry: Where they go.
        timing: Seconds spent in each stage so far, by its name.
    """

    image: Image
    pixels: Image
    geometry: Geometry
    timing: dict[str, float]


class BatchPredictor:
    """Predicts pictures in batches of those that follow each other with one size of input.

    Where memory runs out, the pictures of a batch go through the network one by one, and so do all
    later ones of that size.

    Args:
        preprocess: How the network wants its pictures.
        run: The network: takes an input (N, 3, h, w) and gives its logits (N, C, h', w').
        device: Where inputs are made.
    """

    def __init__(
        self,
        preprocess: Preprocess,
        run: Callable[[torch.Tensor], torch.Tensor],
        device: torch.device,
    ) -> None:
        self._preprocess = preprocess
        self._run = run
        self._device = device
        self._too_large: set[tuple[int, int]] = set()

    def __call__(self, pictures: Iterable[tuple[Image, dict[str, float]]]) -> Iterator[Prediction]:
        """Predicts pictures; no more of them than a batch are taken ahead.

        Args:
            pictures: RGB uint8 (H, W, 3), each with the seconds spent on it so far.

        Yields:
            The predictions, in the order of the pictures, each with its share of the batch's time.

        Raises:
            InputError: If an array has a wrong shape or type.
        """
        for batch in _with_one_canvas(map(self._fit, pictures)):
            yield from self._predict(batch)
            batch.clear()  # so that the next ones are not read beside these

    def _fit(self, picture: tuple[Image, dict[str, float]]) -> Fitted:
        image, timing = picture
        pixels, geometry = timed(timing, "preprocess", lambda: self._preprocess.fit(image))
        return Fitted(image, pixels, geometry, timing)

    def _predict(self, batch: Sequence[Fitted]) -> Iterable[Prediction]:
        canvas = batch[0].geometry.padded
        if canvas not in self._too_large:
            try:
                return self._answer(batch)
            except (MemoryError, RuntimeError) as error:
                if len(batch) == 1 or not is_lack_of_memory(error):
                    raise
            self._too_large.add(canvas)
        # No error holds on to the memory of the failed batch any more.
        return (self._answer([one])[0] for one in batch)

    def _answer(self, batch: Sequence[Fitted]) -> list[Prediction]:
        timing: dict[str, float] = {}
        fitted = [(one.pixels, one.geometry) for one in batch]
        x = timed(
            timing, "preprocess", lambda: prepare_batch(self._preprocess, fitted, self._device)
        )
        logits = timed(timing, "network", lambda: self._run(x))
        share = {stage: seconds / len(batch) for stage, seconds in timing.items()}
        return [
            Prediction(one.image, logits[place : place + 1], one.geometry, _sum(one.timing, share))
            for place, one in enumerate(batch)
        ]


def _with_one_canvas(pictures: Iterable[Fitted]) -> Iterator[list[Fitted]]:
    """Gathers pictures that follow each other and whose canvases have one size."""
    batch: list[Fitted] = []
    for picture in pictures:
        if batch and picture.geometry.padded != batch[0].geometry.padded:
            yield batch
            batch = []
        batch.append(picture)
        if len(batch) == MOST:
            yield batch
            batch = []
    if batch:
        yield batch


def _sum(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    return first | {stage: first.get(stage, 0.0) + value for stage, value in second.items()}
