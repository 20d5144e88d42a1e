"""Segments a webcam live, in a window or on a page, and records it.

`python examples/webcam.py` takes the first webcam, `python examples/webcam.py rtsp://host/stream`
a stream. Where there is no webcam, a photograph that moves past stands in for one, for a few
seconds. q ends it; the other keys are told by `easyseg camera --help`.
"""

import sys
import time
from pathlib import Path

import numpy as np

import easyseg
from easyseg.pictures import image as media


class MovingPhotograph:
    """Anything with a read() that waits for the next picture is a camera; colours are BGR."""

    def __init__(self, path: Path) -> None:
        self.photograph = media.resize(media.read(path), (360, 541))[..., ::-1]
        self.count = 0

    def read(self) -> tuple[bool, np.ndarray]:
        time.sleep(1 / 30)
        self.count += 1
        left = abs(self.count % 120 - 60)
        return True, np.ascontiguousarray(self.photograph[:, left : left + 480])


def main() -> None:
    source: object = sys.argv[1] if len(sys.argv) > 1 else 0
    timeout = None
    output = Path("output")
    output.mkdir(exist_ok=True)
    if source == 0 and sys.platform.startswith("linux") and not Path("/dev/video0").exists():
        print("no webcam here: a photograph that moves stands in for it")
        source = MovingPhotograph(Path(__file__).parent / "images" / "chelsea.jpg")
        timeout = 3.0
    summary = easyseg.segment_camera(
        source, dataset="voc", model="builtin", record=output / "webcam.mp4", timeout=timeout
    )
    print(
        f"{summary.frames} frames, {summary.rate:.1f} a second, at {summary.size} pixels, "
        f"{1000 * summary.latency:.0f} ms behind life"
    )
    print(*summary.recordings)


if __name__ == "__main__":
    main()
