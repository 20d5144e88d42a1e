"""Other backgrounds for cameras on the network, from Python, with the real network."""

import numpy as np
import pytest
from mjpeg import mjpeg_server
from rtsp import rtsp_server

import easyseg
from easyseg.pictures.image import resize
from easyseg.videos.source import VideoSource

WALL, FACE = (10, 230), (60, 110)
"""Rows and columns of the picture, (256, 256), behind the astronaut and on her."""


@pytest.fixture
def picture(astronaut):
    return resize(astronaut, (256, 256), "area")


def check(summary, picture, record):
    assert summary.frames == 6
    for image in (summary.picture, next(iter(VideoSource(record))).image):
        np.testing.assert_allclose(image[WALL].astype(int), (0, 255, 0), atol=12)
        np.testing.assert_allclose(image[FACE].astype(int), picture[FACE], atol=30)


def options(tmp_path):
    return {
        "color": (0, 255, 0), "classes": "person", "model": "builtin", "rate": None,
        "display": "none", "record": tmp_path / "out.mp4", "max_frames": 6, "timeout": 60,
    }  # fmt: skip


def test_mjpeg(picture, tmp_path):
    with mjpeg_server(pictures=[picture]) as server:
        summary = easyseg.change_background_camera(server.url, **options(tmp_path))
        assert server.connections == 1
    check(summary, picture, tmp_path / "out.mp4")


@pytest.mark.slow
def test_rtsp(picture, tmp_path):
    with rtsp_server([picture] * 600, rate=20) as address:
        summary = easyseg.change_background_camera(address, **options(tmp_path))
    check(summary, picture, tmp_path / "out.mp4")
