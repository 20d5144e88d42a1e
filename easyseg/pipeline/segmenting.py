"""Frames in, frames with their segmentations out, in a few threads."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from easyseg._types import Image, make_plain_
from easyseg.cameras.source import CameraSource
from easyseg.engine import Prediction
from easyseg.errors import InputError
from easyseg.pipeline.ahead import ahead
from easyseg.pipeline.smoothing import Smoother
from easyseg.result import Segmentation
from easyseg.videos.source import Frame

AHEAD = 2
"""How many frames wait between two stages."""

Smooth = Callable[[Prediction], Prediction]
"""Takes the predictions of one video in their order, as `Smoother` does."""


@dataclass(frozen=True)
class Segmenting:
    """How the frames of a video are segmented.

    Attributes:
        every_n: Every how many-th frame is shown to the network; the labels are kept for the
            frames between.
        smoothing: `"off"`, `"light"` or `"strong"`, see `easyseg.pipeline.smoothing.Smoother`.
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
        make_plain_(self, "every_n")
        whole = isinstance(self.every_n, int) and not isinstance(self.every_n, bool)
        if not whole or self.every_n < 1:
            raise InputError(f"every_n must be a whole number, 1 or more, not {self.every_n!r}")
        Smoother(self.smoothing)


class FrameSegmenter(Protocol):
    """What segments frames: a Segmenter, or something around one."""

    def predict(self, image: Image) -> Prediction:
        """Does all that the network has a part in; see `Segmenter.predict`."""

    def finish(
        self, prediction: Prediction, *, confidence: bool = False, source: str | None = None
    ) -> Segmentation:
        """Makes the labels; see `Segmenter.finish`."""


def segment_frames(
    frames: Iterable[Frame],
    segmenter: FrameSegmenter,
    settings: Segmenting | None = None,
    *,
    source: str | os.PathLike[str] | None = None,
    smoother: Smooth | None = None,
) -> Generator[tuple[Frame, Segmentation], None, None]:
    """Segments frames; reading, the network, and the labels each have a thread.

    Args:
        frames: The frames, such as a VideoSource; iterated once, in a thread.
        segmenter: The network.
        settings: How; None is the default.
        source: Where the frames came from, for the Segmentations.
        smoother: What smooths, in the place of a new one of the settings' strength.

    Yields:
        Each frame with its Segmentation, in their order.

    Raises:
        EasysegError: What the frames or the segmenter raise.
    """
    settings = settings or Segmenting()
    name = None if source is None else os.fspath(source)
    read = ahead(frames, count=AHEAD, name="easyseg-read")
    smooth = smoother or Smoother(settings.smoothing)
    predicted = ahead(
        _predicted(read, segmenter, settings, smooth), count=AHEAD, name="easyseg-network"
    )
    labelled = _labelled(predicted, segmenter, settings, name)
    with contextlib.closing(ahead(labelled, count=AHEAD, name="easyseg-labels")) as results:
        yield from results


def segment_newest(
    camera: CameraSource, segmenter: FrameSegmenter, settings: Segmenting | None = None
) -> Generator[tuple[Frame, Segmentation], None, None]:
    """Segments what a camera shows at the moment when the next result is asked for.

    All is done in the caller's thread, one frame at a time: a frame that waits is an old one.

    Args:
        camera: The camera; closed at the end.
        segmenter: The network.
        settings: How; None is the default.

    Yields:
        The newest frame, each time, with its Segmentation.

    Raises:
        EasysegError: What the camera or the segmenter raise.
    """
    settings = settings or Segmenting()
    with camera:
        smoother = Smoother(settings.smoothing)
        predicted = _predicted(iter(camera), segmenter, settings, smoother)
        with contextlib.closing(_labelled(predicted, segmenter, settings, camera.name)) as results:
            yield from results


def _predicted(
    frames: Generator[Frame, None, None],
    segmenter: FrameSegmenter,
    settings: Segmenting,
    smooth: Smooth,
) -> Generator[tuple[Frame, Prediction | None], None, None]:
    with contextlib.closing(frames):
        for number, frame in enumerate(frames):
            if number % settings.every_n:
                yield frame, None
                continue
            prediction = segmenter.predict(frame.image)
            yield frame, smooth(prediction)


def _labelled(
    predicted: Generator[tuple[Frame, Prediction | None], None, None],
    segmenter: FrameSegmenter,
    settings: Segmenting,
    source: str | None,
) -> Generator[tuple[Frame, Segmentation], None, None]:
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
