"""Other backgrounds for live cameras, and the virtual camera."""

import sys
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from reds import scene

import easyseg
from easyseg.background import Change, change_live
from easyseg.cameras.source import CameraSource
from easyseg.cameras.virtual_camera import VirtualCamera
from easyseg.errors import InputError, MediaError
from easyseg.pipeline import Live
from easyseg.videos.source import VideoSource

CORNER, CENTER = (2, 2), (24, 30)
QUIET = {"display": "none", "rate": None}


class Webcam:
    """Gives the scene for ever, BGR."""

    def read(self):
        return True, np.ascontiguousarray(scene()[..., ::-1])


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.closed = False

    def write(self, image: np.ndarray, time: Fraction) -> None:
        self.images.append(image)

    def close(self) -> None:
        self.closed = True


def test_a_camera_with_another_background(segmenter, tmp_path: Path):
    kept = Kept()
    live = Live(**QUIET, record=tmp_path / "out.mp4")
    with CameraSource(Webcam(), max_frames=4) as camera:
        summary = change_live(camera, segmenter, Change(color=(0, 255, 0)), live, [kept])
    assert summary.frames == len(kept.images) == 4
    assert kept.closed
    for image in (summary.picture, *kept.images):
        np.testing.assert_array_equal(image[CORNER], (0, 255, 0))
        np.testing.assert_array_equal(image[CENTER], (210, 40, 30))
    with VideoSource(tmp_path / "out.mp4") as video:
        assert next(iter(video)).image[CORNER][1] > 240


def test_a_video_plays_behind_a_camera(segmenter, waves: Path):
    with CameraSource(Webcam(), max_frames=2) as camera:
        summary = change_live(camera, segmenter, Change(video=waves), Live(**QUIET))
    assert round(float(summary.picture[CORNER].mean()) / 90) in (0, 1, 2)


def test_a_live_picture_is_not_transparent(segmenter):
    with (
        CameraSource(Webcam(), max_frames=2) as camera,
        pytest.raises(InputError, match="cannot be transparent"),
    ):
        change_live(camera, segmenter, Change(transparent=True), Live(**QUIET))


class FakeModule(types.ModuleType):
    """pyvirtualcam, with a camera that is not there or keeps what it is sent."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("pyvirtualcam")
        self.sent: list[np.ndarray] = []
        self.closed = 0
        module = self

        class Camera:
            def __init__(self, width: int, height: int, fps: float) -> None:
                if error is not None:
                    raise error
                self.width, self.height, self.fps = width, height, fps

            def send(self, image: np.ndarray) -> None:
                module.sent.append(image)

            def close(self) -> None:
                module.closed += 1

        self.Camera = Camera


def test_a_virtual_camera_gets_the_pictures(monkeypatch: pytest.MonkeyPatch):
    module = FakeModule()
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    camera = VirtualCamera(25)
    camera.write(scene(), Fraction(0))
    camera.write(scene()[:10], Fraction(1))  # another size is no picture of this camera
    camera.close()
    camera.close()
    assert len(module.sent) == module.closed == 1
    np.testing.assert_array_equal(module.sent[0], scene())


def test_without_a_virtual_camera_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MediaError, match=r"pip install pyvirtualcam"):
        easyseg.change_background_camera(0, blur=0.5, virtual_camera=True)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", FakeModule(RuntimeError("no device")))
    for platform, advice in (
        ("linux", "modprobe v4l2loopback"),
        ("win32", "OBS"),
        ("beos", "none"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        with pytest.raises(MediaError, match=f"{advice}.*no device"):
            VirtualCamera().write(scene(), Fraction(0))
