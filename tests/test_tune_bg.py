"""PixelLib's alter_bg: its signatures, its returns, and what it does."""

import inspect
import logging
from pathlib import Path

import numpy as np
import pytest
from reds import RedIsAPerson, scene, write_clip, write_waves

import easyseg
from easyseg.errors import InputError, MediaError, ModelError
from easyseg.pictures import image as media
from easyseg.tune_bg import alter_bg
from easyseg.videos.source import VideoSource

CORNER, CENTER = (2, 2), (24, 30)
GREEN = (0, 255, 0)

PICTURE, FRAME = ["output_image_name", "verbose", "detect"], ["verbose", "detect"]
VIDEO = ["frames_per_second", "output_video_name", "detect"]
CAMERA = ["frames_per_second", "check_fps", "show_frames", "frame_name", "verbose",
          "output_video_name", "detect"]  # fmt: skip
BLUR = ["low", "moderate", "extreme"]
SIGNATURES = {
    "segmentAsPascalvoc": ["image_path", "process_frame"],
    "target_obj": ["segment"],
    "load_pascalvoc_model": ["model_path"],
    "change_bg_img": ["f_image_path", "b_image_path", *PICTURE],
    "change_frame_bg": ["frame", "b_image_path", *FRAME],
    "change_video_bg": ["video_path", "b_image_path", *VIDEO],
    "color_bg": ["image_path", "colors", *PICTURE],
    "color_frame": ["frame", "colors", *FRAME],
    "color_video": ["video_path", "colors", *VIDEO],
    "blur_bg": ["image_path", *BLUR, *PICTURE],
    "blur_frame": ["frame", *BLUR, *FRAME],
    "blur_video": ["video_path", *BLUR, *VIDEO],
    "gray_bg": ["image_path", *PICTURE],
    "gray_frame": ["frame", *FRAME],
    "gray_video": ["video_path", *VIDEO],
    "change_camera_bg": ["cam", "b_image_path", *CAMERA],
    "color_camera": ["cam", "colors", *CAMERA],
    "blur_camera": ["cam", *BLUR, *CAMERA],
    "gray_camera": ["cam", *CAMERA],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_positional_parameters_are_pixellib_s(name: str):
    parameters = inspect.signature(getattr(alter_bg(), name)).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == SIGNATURES[name]


@pytest.fixture
def change() -> alter_bg:
    """One whose network takes what is red for a person."""
    one = alter_bg(model_type="pb")
    one._segmenter = RedIsAPerson()
    return one


@pytest.fixture
def frame() -> np.ndarray:
    """A red square before blue, BGR."""
    return np.ascontiguousarray(scene()[..., ::-1])


def test_every_way_for_frames_and_pictures(change: alter_bg, frame: np.ndarray, tmp_path: Path):
    beach = np.full((5, 5, 3), (1, 2, 3), np.uint8)  # BGR
    media.write(tmp_path / "beach.png", beach[..., ::-1])
    media.write(tmp_path / "photo.png", scene())
    photo, behind = str(tmp_path / "photo.png"), str(tmp_path / "beach.png")
    for picture, wanted in (
        (change.change_frame_bg(frame, behind), (1, 2, 3)),
        (change.change_frame_bg(frame, beach), (1, 2, 3)),
        (change.change_bg_img(photo, behind, detect="person"), (1, 2, 3)),
        (change.color_frame(frame, (250, 0, 9)), (9, 0, 250)),
        (change.color_bg(photo, GREEN, detect=["person", "dog"]), GREEN),
        (change.gray_frame(frame), (52, 52, 52)),
        (change.gray_bg(photo), (52, 52, 52)),
        (change.blur_frame(frame, extreme=True), frame[CORNER]),
        (change.blur_bg(photo, low=True), frame[CORNER]),
        (change.blur_bg(photo), frame[CORNER]),
    ):
        np.testing.assert_allclose(picture[CORNER], wanted, atol=1)
        np.testing.assert_array_equal(picture[CENTER], frame[CENTER])
        assert picture.shape == frame.shape
        assert picture.dtype == np.uint8


def test_what_is_written_is_what_is_returned_in_rgb(
    change: alter_bg, frame: np.ndarray, tmp_path: Path
):
    target = tmp_path / "out.png"
    picture = change.color_bg(frame, GREEN, str(target))
    np.testing.assert_array_equal(media.read(target), picture[..., ::-1])


def test_a_background_is_read_again_only_when_it_changes(
    change: alter_bg, frame: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "behind.png"
    media.write(path, np.full((5, 5, 3), 10, np.uint8))
    reads = []
    from easyseg.tune_bg import alter

    monkeypatch.setattr(alter, "read", lambda source: reads.append(source) or media.read(source))
    for _ in range(3):
        assert change.change_frame_bg(frame, path)[CORNER].tolist() == [10, 10, 10]
    media.write(path, np.random.default_rng(0).integers(90, 99, (50, 50, 3), np.uint8))
    assert change.change_frame_bg(frame, path)[CORNER].min() >= 90
    assert len(reads) == 2


def test_invert_and_hard(change: alter_bg, frame: np.ndarray):
    picture = change.color_frame(frame, GREEN, invert=True, hard=True)
    changed = (picture == GREEN).all(axis=2)
    assert (changed == (frame[..., 2] > 128)).mean() > 0.99


def test_videos(change: alter_bg, tmp_path: Path):
    clip, waves = write_clip(tmp_path / "clip.mp4"), write_waves(tmp_path / "waves.mp4")
    target = tmp_path / "out.mp4"
    picture = change.change_video_bg(str(clip), str(waves), output_video_name=str(target))
    with VideoSource(target) as video:
        frames = [frame.image for frame in video]
    assert len(frames) == 12
    np.testing.assert_allclose(
        [frame[CORNER].mean() for frame in frames], np.tile([20, 20, 110, 110, 200, 200], 2), atol=6
    )
    np.testing.assert_allclose(picture[CORNER], (200, 200, 200), atol=4)
    for last in (
        change.color_video(clip, GREEN),
        change.blur_video(clip, moderate=True),
        change.gray_video(clip, frames_per_second=24, output_video_name=tmp_path / "gray.mp4"),
    ):
        np.testing.assert_allclose(last[CENTER], (30, 40, 210), atol=8)


def test_cameras(change: alter_bg, frame: np.ndarray, tmp_path: Path, capsys):
    class Capture:
        released = False

        def read(self):
            return True, frame.copy()

        def release(self):
            self.released = True

    waves = write_waves(tmp_path / "waves.mp4")
    for way, arguments in (
        (change.change_camera_bg, (waves,)),
        (change.color_camera, (GREEN,)),
        (change.blur_camera, (True,)),
        (change.gray_camera, ()),
    ):
        cam = Capture()
        target = tmp_path / f"{way.__name__}.mp4"
        picture = way(cam, *arguments, check_fps=True, output_video_name=target, max_frames=2)
        assert cam.released
        assert target.exists()
        np.testing.assert_array_equal(picture[CENTER], frame[CENTER])
    assert capsys.readouterr().out.count("frames per seconds") == 4
    np.testing.assert_array_equal(
        change.color_camera(Capture(), GREEN, max_frames=1)[CORNER], GREEN
    )


def test_labels_and_colours(change: alter_bg, frame: np.ndarray):
    labels, picture = change.segmentAsPascalvoc(frame, process_frame=True)
    assert labels.dtype == np.int64
    assert (labels[CENTER], labels[CORNER]) == (15, 0)
    np.testing.assert_array_equal(picture[CENTER], (128, 128, 192))
    assert change.target_obj("person") == (192, 128, 128)
    assert change.target_obj("tv") == change.target_obj("monitor")


def test_it_works_without_loading_anything(photographs: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "easyseg.tune_bg"):
        picture = easyseg.alter_bg().color_bg(
            photographs / "astronaut.jpg", GREEN, verbose=True, detect="person"
        )
    np.testing.assert_array_equal(picture[10, 400], GREEN)
    assert "changed the background" in caplog.text


def test_what_is_wrong_is_said(change: alter_bg, frame: np.ndarray, tmp_path: Path):
    with pytest.raises(InputError, match="Did you mean 'diningtable'"):
        change.color_frame(frame, GREEN, detect="dinningtable")
    with pytest.raises(InputError, match="model_type"):
        alter_bg("onnx")
    with pytest.raises(MediaError, match=r"no\.png"):
        change.change_frame_bg(frame, tmp_path / "no.png")
    with pytest.raises(ModelError, match="frozen TensorFlow graph"):
        change.load_pascalvoc_model("xception_pascalvoc.pb")
    with pytest.raises(InputError, match="0 to 255"):
        change.color_frame(frame, "green")
