"""Keeps a frame rate: lowers the size that the network works at until the rate holds."""

import statistics
import time

from easyseg._types import Image
from easyseg.engine import Prediction, Segmenter
from easyseg.result import Segmentation

SMALLEST = 256
"""Pixels; below, little is recognised."""

STEP = 32
"""Sizes are multiples of what most networks pad to anyway."""

_FEW, _MANY = 4, 12
"""Frames that are measured before the size is lowered, and before it is raised."""

_FAR = 2.0
_MARGIN = 0.9
_ROOM = 0.8
_TRUCE = 150


class SizeControl:
    """Chooses the size from what the frames have cost.

    A network's time grows with the square of the size; all else does not depend on it.

    Args:
        own: The model's own size, which is the largest.
        rate: Frames wanted in a second.

    Attributes:
        size: The size to work at.
    """

    def __init__(self, own: int, rate: float) -> None:
        self._sizes = [*range(SMALLEST, own, STEP), own]
        self._budget = 1 / rate
        self.size = own
        self._seen: list[tuple[float, float]] = []
        self._fresh = True
        self._truce = 0

    def note(self, work: float, network: float) -> None:
        """Takes what a frame has cost.

        Args:
            work: Seconds for all of it.
            network: Seconds of these that the network took.
        """
        self._truce = max(0, self._truce - 1)
        if self._fresh:  # the first one at a new size is slower
            self._fresh = False
            return
        self._seen = [*self._seen[1 - _MANY :], (work, network)]
        # What is far too slow needs no second look.
        if len(self._seen) < _FEW and work < _FAR * self._budget:
            return
        recent = self._seen[-_FEW:]
        cost = statistics.median(one for one, _ in recent)
        share = statistics.median(one for _, one in recent)
        if cost > self._budget:
            self._lower(cost, share)
        elif len(self._seen) >= _MANY and not self._truce:
            self._raise()

    def _lower(self, cost: float, network: float) -> None:
        room = max(self._budget * _MARGIN - (cost - network), 0.0)
        wanted = self.size * (room / network) ** 0.5 if network else self.size
        fitting = [size for size in self._sizes if size <= wanted and size < self.size]
        self._choose(fitting[-1] if fitting else self._sizes[0])
        self._truce = _TRUCE

    def _raise(self) -> None:
        larger = [size for size in self._sizes if size > self.size]
        if not larger:
            return
        # The slowest frames count: a rate that holds now and then does not hold.
        cost, network = max(self._seen)
        grown = cost + network * ((larger[0] / self.size) ** 2 - 1)
        if grown < self._budget * _ROOM:
            self._choose(larger[0])

    def _choose(self, size: int) -> None:
        if size != self.size:
            self.size, self._fresh, self._seen = size, True, []


class AdaptiveSegmenter:
    """A Segmenter whose size follows the time that its frames take.

    Args:
        segmenter: The network; where it takes pictures of any size, nothing is changed.
        rate: Frames wanted in a second.
    """

    def __init__(self, segmenter: Segmenter, rate: float) -> None:
        self._segmenters = {segmenter.size: segmenter}
        self._own = segmenter
        self._control = SizeControl(segmenter.size, rate) if segmenter.size else None
        self._began: float | None = None
        self._network = 0.0

    @property
    def size(self) -> int | None:
        """Side, in pixels, that it works at now; None where it takes any."""
        return self._control.size if self._control else None

    def predict(self, image: Image) -> Prediction:
        """Does as `Segmenter.predict`, at the size of the moment."""
        if self._control is None:
            return self._own.predict(image)
        size = self._control.size
        if size not in self._segmenters:
            self._segmenters[size] = self._own.with_size(size)
        self._began = time.perf_counter()
        prediction = self._segmenters[size].predict(image)
        self._network = time.perf_counter() - self._began
        return prediction

    def finish(
        self, prediction: Prediction, *, confidence: bool = False, source: str | None = None
    ) -> Segmentation:
        """Does as `Segmenter.finish`."""
        return self._own.finish(prediction, confidence=confidence, source=source)

    def done(self) -> None:
        """Takes notice that the frame is finished, drawing included."""
        if self._control is not None and self._began is not None:
            self._control.note(time.perf_counter() - self._began, self._network)
            self._began = None
