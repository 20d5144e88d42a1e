"""Transparent videos: written, read back, and compared pixel by pixel."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from easyseg.errors import InputError
from easyseg.pictures import image as media
from easyseg.videos.frame_sinks import open_sink
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import Encoding

TRANSPARENT = Encoding(alpha=True)
SIZE = (48, 64)
INFO = VideoInfo(SIZE[1], SIZE[0], Fraction(24), Fraction(1, 24), 6, 0.25, "none", (), (), 0)


def _frame(number: int) -> np.ndarray:
    """A red field whose alpha grows from left to right, with a hole that moves."""
    frame = np.zeros((*SIZE, 4), np.uint8)
    frame[..., 0], frame[..., 3] = 200, np.linspace(0, 255, SIZE[1])
    frame[10:30, 5 * number : 5 * number + 16, 3] = 0
    return frame


def _written(path: str | Path) -> None:
    with open_sink(path, INFO, encoding=TRANSPARENT) as sink:
        for number in range(6):
            sink.write(_frame(number), Fraction(number, 24))


def _read(path: Path, decoder: str | None) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return [frame.to_ndarray(format="rgba") for frame in container.decode(stream)]
        # FFmpeg's own decoder of VP9 drops the alpha; libvpx's keeps it.
        context = av.CodecContext.create(decoder, "r")
        context.extradata = stream.codec_context.extradata
        frames = [frame for packet in container.demux(stream) for frame in context.decode(packet)]
        return [frame.to_ndarray(format="rgba") for frame in frames]


@pytest.mark.parametrize(
    ("name", "decoder", "tolerance"),
    [("out.mov", None, 3), ("out.webm", "libvpx-vp9", 12)],
)
def test_alpha_comes_back(tmp_path: Path, name: str, decoder: str | None, tolerance: float):
    _written(tmp_path / name)
    frames = _read(tmp_path / name, decoder)
    assert len(frames) == 6
    for number, frame in enumerate(frames):
        wrong = np.abs(frame[..., 3].astype(int) - _frame(number)[..., 3])
        assert wrong.mean() < tolerance
    solid = frames[0][..., 3] > 200
    assert np.abs(frames[0][solid][:, :3].astype(int) - (200, 0, 0)).mean() < 8


def test_pictures_keep_it_exactly(tmp_path: Path):
    from PIL import Image

    _written(f"{tmp_path}/frames/")
    with Image.open(tmp_path / "frames" / "000003.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), _frame(3))
    _written(tmp_path / "f%02d.webp")
    assert media.read(tmp_path / "f05.webp").shape == (*SIZE, 3)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.gif", "out.avi", "f%03d.jpg"])
def test_targets_that_would_lose_it_are_refused(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="would lose the transparency"):
        open_sink(tmp_path / name, INFO, encoding=TRANSPARENT)
    assert not list(tmp_path.iterdir())


def test_frames_and_video_have_to_agree(tmp_path: Path):
    with (
        pytest.raises(InputError, match="is transparent, but a frame has 3 channels"),
        open_sink(tmp_path / "out.mov", INFO, encoding=TRANSPARENT) as sink,
    ):
        sink.write(_frame(0)[..., :3].copy(), Fraction(0))
    with (
        pytest.raises(InputError, match="is opaque, but a frame has 4 channels"),
        open_sink(tmp_path / "out.mp4", INFO) as sink,
    ):
        sink.write(_frame(0), Fraction(0))
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="keeps no transparency"):
        open_sink(tmp_path / "out.mov", INFO, encoding=Encoding(encoder="libx264", alpha=True))
