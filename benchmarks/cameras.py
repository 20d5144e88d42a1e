"""How old a live frame is when it is shown."""

import time

import numpy as np

from benchmarks import subjects
from benchmarks.measure import Results, rows_of
from benchmarks.subjects import Settings
from easyseg.cameras.source import CameraSource
from easyseg.engine import Segmenter
from easyseg.pictures import image as media
from easyseg.pipeline import Live, run_live

PART = "live"
RATE = 30
FRAMES = 40


class Webcam:
    """Gives a photograph, 640x480, 30 times a second."""

    def __init__(self) -> None:
        self._image = media.resize(media.read(subjects.EXAMPLES / "astronaut.jpg"), (480, 640))
        self._next = time.perf_counter()

    def read(self) -> np.ndarray:
        """Waits for the next frame as a camera does."""
        self._next = max(self._next + 1 / RATE, time.perf_counter())
        time.sleep(max(0, self._next - time.perf_counter()))
        return self._image.copy()


def run(settings: Settings) -> Results:
    """Measures the mean latency of a loop without a display, over several sizes of the network."""
    sizes = (256, 384, 512)
    latency: dict[str, list[float]] = {}
    rate: dict[str, list[float]] = {}
    for _ in range(3):
        for size in sizes:
            segmenter = Segmenter("builtin", dataset="voc", size=size)
            live = Live(display="none", rate=None)
            summary = run_live(CameraSource(Webcam(), max_frames=FRAMES), segmenter, live=live)
            way = f"size {size}, {segmenter.backend}"
            latency.setdefault(way, []).append(1000 * summary.latency)
            rate.setdefault(way, []).append(summary.rate)
    largest = list(latency)[-1]
    return rows_of(PART, "latency at 640x480, 30 frames/s", latency, "ms", largest) + rows_of(
        PART, "frames shown", rate, "frames/s", largest
    )
