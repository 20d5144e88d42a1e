"""Writes clips of given pictures with silence beside them, by PyAV alone."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 24


def write_film(
    path: Path, pictures: Sequence[np.ndarray], *, pix_fmt: str, options: dict[str, str]
) -> Path:
    """Writes 24 pictures a second, and as much silence."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=RATE, options=options)
        sound = output.add_stream("aac", rate=48000, layout="mono")
        (video.height, video.width), video.pix_fmt = pictures[0].shape[:2], pix_fmt
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        silence = np.zeros((1, 48000 * len(pictures) // RATE), np.float32)
        tone = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
        tone.sample_rate, tone.pts = 48000, 0
        output.mux(sound.encode(tone))
        output.mux(sound.encode(None))
    return path
