"""Frames in, frames with their segmentations out, in a few threads."""

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace

from easyseg.engine import Prediction, Segmenter
from easyseg.errors import InputError
from easyseg.media.video import Frame
from easyseg.pipeline.ahead import ahead
from easyseg.result import Segmentation
from easyseg.smoothing import Smoother

AHEAD = 2
"""How many frames wait between two stages."""


@dataclass(frozen=True)
class Segmenting:
    """How the frames of a video are segmented.

    Attributes:
        every_n: Every how many-th frame is shown to the network; the labels are kept for the
            frames between.
        smoothing: `"off"`, `"light"` or `"strong"`, see `easyseg.smoothing.Smoother`.
        classes: Ids of the classes that are kept; None keeps all.
        confidence: Whether to compute the confidence of each pixel too.

    Raises:
        InputError: If `every_n` or `smoothing` makes no sense.
    """

    every_n: int = 1
    smoothing: str = "off"
    classes: tuple[int, ...] | None = None
    confidence: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.every_n, int) and not isinstance(self.every_n, bool)
        if not whole or self.every_n < 1:
            raise InputError(f"every_n must be a whole number, 1 or more, not {self.every_n!r}")
        Smoother(self.smoothing)


def segment_frames(
    frames: Iterable[Frame],
    segmenter: Segmenter,
    settings: Segmenting | None = None,
    *,
    source: str | os.PathLike[str] | None = None,
) -> Generator[tuple[Frame, Segmentation], None, None]:
    """Segments frames; reading, the network, and the labels each have a thread.

    Args:
        frames: The frames, such as a VideoSource; iterated once, in a thread.
        segmenter: The network.
        settings: How; None is the default.
        source: Where the frames came from, for the Segmentations.

    Yields:
        Each frame with its Segmentation, in their order.

    Raises:
        EasysegError: What the frames or the segmenter raise.
    """
    settings = settings or Segmenting()
    name = None if source is None else os.fspath(source)
    read = ahead(frames, count=AHEAD, name="easyseg-read")
    predicted = ahead(_predicted(read, segmenter, settings), count=AHEAD, name="easyseg-network")
    labelled = _labelled(predicted, segmenter, settings, name)
    with contextlib.closing(ahead(labelled, count=AHEAD, name="easyseg-labels")) as results:
        yield from results


def _predicted(
    frames: Generator[Frame, None, None], segmenter: Segmenter, settings: Segmenting
) -> Iterator[tuple[Frame, Prediction | None]]:
    smoother = Smoother(settings.smoothing)
    with contextlib.closing(frames):
        for number, frame in enumerate(frames):
            if number % settings.every_n:
                yield frame, None
                continue
            prediction = segmenter.predict(frame.image)
            yield frame, smoother(prediction)


def _labelled(
    predicted: Generator[tuple[Frame, Prediction | None], None, None],
    segmenter: Segmenter,
    settings: Segmenting,
    source: str | None,
) -> Iterator[tuple[Frame, Segmentation]]:
    last: Segmentation | None = None
    with contextlib.closing(predicted):
        for frame, prediction in predicted:
            if prediction is not None:
                result = segmenter.finish(prediction, confidence=settings.confidence, source=source)
                last = result if settings.classes is None else result.only(settings.classes)
            elif last is not None:
                last = replace(last, image=frame.image, timing={})
            if last is not None:
                yield frame, last
