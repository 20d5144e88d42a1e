"""Colours and orientation of decoded frames."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

from easyseg.cameras.source import _open_capture as open_capture
from easyseg.videos.source import VideoSource
from easyseg.videos.video_sink import VideoSink

MATRICES = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
    5: (0, 1, 1, 0), 6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip


def corners() -> np.ndarray:
    """A picture of which no two of the eight orientations look alike."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:], picture[32:, :48] = 230, 160, 80
    return picture


def write(path: Path, picture: np.ndarray, matrix: tuple[int, int, int, int]) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        a, b, c, d = (65536 * one for one in matrix)
        stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_shown_upright(tmp_path: Path, orientation: int):
    write(tmp_path / "a.mp4", corners(), MATRICES[orientation])
    stored = PillowImage.fromarray(corners())
    stored.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(stored))
    with VideoSource(tmp_path / "a.mp4") as source:
        frame = next(iter(source))
        assert (source.info.height, source.info.width) == upright.shape[:2]
        with VideoSink(tmp_path / "out.mp4", source.info) as sink:
            sink.write(frame.image, frame.time)
    assert np.abs(frame.image.astype(int) - upright).mean() < 3
    with VideoSource(tmp_path / "out.mp4") as again:
        assert np.abs(next(iter(again)).image.astype(int) - upright).mean() < 4


def hdr_clip(path: Path, light: np.ndarray, transfer: str) -> None:
    """Codes light of BT.2020, (H, W, 3), in units of diffuse white, 203 cd/m2."""
    if transfer == "PQ":
        power = (light * 203 / 1e4) ** 0.1593017578125
        code = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:  # on a screen of 1000 cd/m2, for greys
        scene = (light * 0.203) ** (1 / 1.2)
        code = np.where(
            scene <= 1 / 12, np.sqrt(3 * scene),
            0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073,
        )  # fmt: skip
    pixels = np.rint(code.clip(0, 1) * 65535).astype(np.uint16)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "gbrp16le"
        stream.codec_context.color_trc = {"PQ": 16, "HLG": 18}[transfer]
        stream.codec_context.color_primaries = 9
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le").reformat(format="gbrp16le")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@pytest.mark.parametrize("transfer", ["PQ", "HLG"])
def test_high_dynamic_range_looks_as_the_usual_one(tmp_path: Path, transfer: str, caplog):
    linear = np.array([0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 1.0, 4.9])
    light = np.tile(np.repeat(linear, 8)[None, :, None], (16, 1, 3))
    hdr_clip(tmp_path / "hdr.mkv", light, transfer)
    with VideoSource(tmp_path / "hdr.mkv") as source:
        frames = list(source)
        assert source.info.dynamic_range == transfer
    row = frames[0].image[8, 4::8, 1].astype(int)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    # Up to 40 % of white as sRGB, white a little darker, and the brightest light just white.
    assert np.abs(row[:7] - 255 * encoded[:7]).max() <= 5
    assert 220 <= row[7] <= 245
    assert row[8] >= 252
    assert all(one < other for one, other in itertools.pairwise(row))
    assert "high dynamic range" in caplog.text


def test_colours_of_high_dynamic_range_keep_their_hue(tmp_path: Path):
    red = np.array([0.6274, 0.0691, 0.0164])  # of BT.709, in BT.2020
    light = np.tile(red * 0.4, (16, 16, 1))
    hdr_clip(tmp_path / "hdr.mkv", light, "PQ")
    with VideoSource(tmp_path / "hdr.mkv") as source:
        shown = next(iter(source)).image[8, 8].astype(int)
    assert np.abs(shown - (168, 0, 0)).max() <= 6


def test_usual_range_is_left_alone(clips, caplog):
    with VideoSource(clips("ten_bit.mp4")) as source:
        assert source.info.dynamic_range == "SDR"
    assert not caplog.text


def test_a_file_as_a_camera_is_upright_too(tmp_path: Path):
    import threading

    write(tmp_path / "a.mp4", corners(), MATRICES[4])
    capture = open_capture(tmp_path / "a.mp4", threading.Event(), color="rgb", stall=1.0)
    image = capture.read().image()
    capture.close()
    assert np.abs(image.astype(int) - corners()[::-1]).mean() < 3
