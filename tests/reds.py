"""A network that takes what is red for a person, and pictures and clips for it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from easyseg.engine import Prediction, Segmenter
from easyseg.labels import PASCAL_VOC
from easyseg.transforms import Geometry
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import VideoSink

PERSON = 15
SIZE = (48, 64)


class RedIsAPerson(Segmenter):
    """What is red is a person, the rest is background; sees every fourth pixel."""

    def __init__(self) -> None:
        self.label_set, self.name = PASCAL_VOC, "red"

    affords_mirrored = False

    @property
    def size(self) -> None:
        """It has no size that could be changed."""

    def predict(self, image, *, tta=False):
        small = torch.from_numpy(image[2::4, 2::4].astype(np.float32))
        logits = torch.full((1, 21, *small.shape[:2]), -9.0)
        logits[0, 0] = 0
        logits[0, PERSON] = (small[..., 0] - small[..., 2]) / 20
        size = image.shape[:2]
        return Prediction(image, logits, Geometry(size, size, size), {})


def scene(number: int = 0) -> np.ndarray:
    """A red square, which moves, before blue."""
    image = np.full((*SIZE, 3), (20, 40, 200), np.uint8)
    image[12:36, 16 + number : 40 + number] = (210, 40, 30)
    return image


def write_clip(path: Path) -> Path:
    """Half a second of 24 frames a second, with sound."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=24, options={"crf": "5"})
        video.width, video.height, video.pix_fmt = SIZE[1], SIZE[0], "yuv444p"
        sound = output.add_stream("aac", rate=48000, layout="mono")
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(scene(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 24000), np.float32), "fltp", "mono")
        tone.sample_rate, tone.pts = 48000, 0
        output.mux(sound.encode(tone))
        output.mux(sound.encode(None))
    return path


def write_waves(path: Path) -> Path:
    """Three grey frames, 20, 110 and 200, at 12 a second."""
    info = VideoInfo(32, 32, Fraction(12), Fraction(1, 12), 3, 0.25, "none", (), (), 0)
    with VideoSink(path, info) as sink:
        for number in range(3):
            sink.write(np.full((32, 32, 3), 20 + 90 * number, np.uint8), Fraction(number, 12))
    return path
