"""The figures of a live picture: its rate, its latency, and the line that says them."""

import time
from collections import deque
from collections.abc import Callable

_NEWS = 2.0
_REFRESH = 0.25
_WINDOW = 2.0


class Status:
    """The line above the picture; its figures change a few times a second, to be readable."""

    def __init__(self) -> None:
        self._facts: list[str] = []
        self._made = self._news_until = 0.0
        self._news = ""

    def news(self, text: str) -> None:
        """Adds a word for the next moments."""
        self._news, self._news_until = text, time.monotonic() + _NEWS
        self._made = 0.0

    def due(self) -> bool:
        """Tells whether the figures are old."""
        return time.monotonic() >= self._made + _REFRESH

    def facts(self, make: Callable[[], list[str]]) -> list[str]:
        """Gives what to say; `make` gives the figures when the old ones are too old."""
        if self.due():
            self._facts, self._made = make(), time.monotonic()
        current = time.monotonic() < self._news_until
        return [*self._facts, self._news] if current else self._facts


class Meter:
    """Measures the rate and the latency.

    Attributes:
        frames: How many frames were shown.
        latency: Seconds from capture to display, of late.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.latency = 0.0
        self._sum = 0.0
        self._last = time.monotonic()
        self._recent: deque[float] = deque()

    def note(self, latency: float) -> None:
        """Takes a frame that was shown `latency` seconds after its capture."""
        now = time.monotonic()
        self._last = now
        self.frames += 1
        self._sum += latency
        self.latency = latency if self.frames == 1 else 0.8 * self.latency + 0.2 * latency
        self._recent.append(now)
        while len(self._recent) > 2 and self._recent[0] < now - _WINDOW:
            self._recent.popleft()

    def restart(self) -> None:
        """Leaves a pause out of the rate."""
        self._recent.clear()
        self._last = time.monotonic()

    @property
    def rate(self) -> float:
        """Frames in a second, of late."""
        if len(self._recent) < 2:
            return 0.0
        return (len(self._recent) - 1) / max(self._recent[-1] - self._recent[0], 1e-9)

    @property
    def silence(self) -> float:
        """Seconds since the last frame."""
        return time.monotonic() - self._last

    @property
    def mean_latency(self) -> float:
        """Of all frames, in seconds."""
        return self._sum / max(self.frames, 1)
