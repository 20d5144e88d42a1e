"""Small clips, and a segmenter that needs no network."""

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from easyseg.engine import Prediction
from easyseg.errors import MediaError
from easyseg.labels import ADE20K
from easyseg.result import Segmentation
from easyseg.transforms import Geometry
from easyseg.videos.video_sink import VideoSink


class FakeSegmenter:
    """Gives frame n, known by its grey value 8 n, the class n."""

    label_set = ADE20K
    name = "fake"

    def __init__(self, *, delay: float = 0.0, fail_at: int | None = None) -> None:
        self.delay, self.fail_at = delay, fail_at
        self.seen: list[int] = []

    def predict(self, image):
        time.sleep(self.delay)
        number = round(float(image.mean()) / 8)
        self.seen.append(number)
        if number == self.fail_at:
            raise RuntimeError("the network broke")
        logits = torch.zeros(1, 150, 2, 2)
        logits[0, number] = 5.0
        size = image.shape[:2]
        return Prediction(image, logits, Geometry(size, size, size), {"network": 0.1})

    def finish(self, prediction, *, confidence=False, source=None):
        number = int(prediction.logits[0, :, 0, 0].argmax())
        labels = np.full(prediction.image.shape[:2], number, np.uint8)
        return Segmentation(labels, ADE20K, prediction.image, "fake", prediction.timing, source)


@pytest.fixture
def fake() -> type[FakeSegmenter]:
    """The class of the segmenter."""
    return FakeSegmenter


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of 24 frames, frame n of grey value 8 n, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("aac", rate=48000, layout="mono")
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), 8 * number, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = number, Fraction(1, 24)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), "fltp", "mono")
        tone.sample_rate, tone.pts = 48000, 0
        output.mux(sound.encode(tone))
        output.mux(sound.encode(None))
    return path


@pytest.fixture
def disk_full_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes video files fail after some frames."""
    write = VideoSink.write

    def fail_after(frames: int) -> None:
        def failing(self, image, time):
            if self.frames == frames:
                raise MediaError("the disk is full")
            write(self, image, time)

        monkeypatch.setattr(VideoSink, "write", failing)

    return fail_after
