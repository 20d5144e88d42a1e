"""easyseg background: photographs, videos, cameras, and what it says."""

import json
from pathlib import Path

import numpy as np
import pytest
from mjpeg import mjpeg_server
from PIL import Image
from reds import RedIsAPerson, scene, write_clip, write_waves

from easyseg.cli import background, main, work
from easyseg.pictures import image as media
from easyseg.videos.source import VideoSource

CORNER, CENTER = (2, 2), (24, 30)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photograph, a clip and a background; red is a person."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "make_segmenter", lambda _options: RedIsAPerson())
    media.write(tmp_path / "photo.png", scene())
    media.write(tmp_path / "beach.png", np.full((4, 4, 3), (9, 8, 7), np.uint8))
    write_clip(tmp_path / "clip.mp4")
    write_waves(tmp_path / "waves.mp4")
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "corner"),
    [
        (["--color", "0,255,0"], (0, 255, 0)),
        (["--image", "beach.png"], (9, 8, 7)),
        (["--gray"], (52, 52, 52)),
        (["--blur", "0.5"], (20, 40, 200)),
        (["--blur"], (20, 40, 200)),
        (["--pixelate", "low", "--classes", "person"], (20, 40, 200)),
    ],
)
def test_a_photograph(here: Path, flags: list[str], corner: tuple[int, ...]):
    assert main(["background", "photo.png", *flags]) == 0
    picture = media.read(here / "photo_background.png")
    np.testing.assert_allclose(picture[CORNER], corner, atol=1)
    np.testing.assert_array_equal(picture[CENTER], scene()[CENTER])


def test_on_the_classes(here: Path):
    flags = ["--color", "1,2,3", "--invert", "--hard", "--classes", "person"]
    assert main(["background", "photo.png", *flags, "-o", "out.png"]) == 0
    picture = media.read(here / "out.png")
    np.testing.assert_array_equal(picture[CENTER], (1, 2, 3))
    np.testing.assert_array_equal(picture[CORNER], scene()[CORNER])


def test_a_cutout(here: Path, capsys: pytest.CaptureFixture[str]):
    media.write(here / "photo.jpg", scene())
    assert main(["background", "photo.jpg", "--transparent", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == "photo_background.png"
    with Image.open(here / "photo_background.png") as picture:
        alpha = np.asarray(picture)[..., 3]
    assert (alpha[CENTER], alpha[CORNER]) == (255, 0)


def test_a_folder(here: Path):
    (here / "many").mkdir()
    for name in "ab":
        media.write(here / "many" / f"{name}.png", scene())
    assert main(["background", "many", "--gray"]) == 0
    assert main(["background", "many", "--gray", "-o", "out/"]) == 0
    for folder in ("many_background", "out"):
        assert sorted(path.name for path in (here / folder).iterdir()) == ["a.png", "b.png"]


def test_a_video(here: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["background", "clip.mp4", "--video", "waves.mp4", "--max-frames", "6"]) == 0
    assert "clip_background.mp4  6 frames" in capsys.readouterr().out
    with VideoSource(here / "clip_background.mp4") as video:
        levels = [frame.image[CORNER].mean() for frame in video]
    np.testing.assert_allclose(levels, [20, 20, 110, 110, 200, 200], atol=6)
    assert main(["background", "clip.mp4", "--transparent", "--max-frames", "2"]) == 0
    with VideoSource(here / "clip_background.mov") as video:
        assert video.info.codec == "prores"


def test_a_camera(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(background, "_kind", lambda _name: "camera")
    flags = ["--gray", "--display", "none", "--max-frames", "3", "-o", "out.mp4"]
    assert main(["background", "clip.mp4", *flags]) == 0
    assert "out.mp4" in capsys.readouterr().out
    assert (here / "out.mp4").exists()


def test_a_stream_over_http(here: Path):
    flags = ["--live", "--gray", "--display", "none", "--max-frames", "3", "-o", "out.mp4"]
    with mjpeg_server(pictures=[scene()]) as server:
        assert main(["background", server.url, *flags]) == 0
    with VideoSource(here / "out.mp4") as video:
        np.testing.assert_allclose(next(iter(video)).image[CORNER], (52, 52, 52), atol=6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png"], "one of the arguments --blur --color"),
        (["photo.png", "--blur", "2"], "from 0 to 1"),
        (["--blur", "photo.png"], "files come first"),
        (["photo.png", "--color", "green"], "as 0,255,0"),
        (["photo.png", "--gray", "--blur", "1"], "not allowed with argument"),
        (["photo.png", "clip.mp4", "--gray"], "run the command once for each"),
        (["photo.png", "--transparent", "-o", "out.jpg"], "knows no transparency"),
        (["photo.png", "--video", "waves.mp4"], "a photograph takes an --image"),
        (["photo.png", "--gray", "--virtual-camera"], "is for cameras"),
        (["clip.mp4", "--transparent", "-o", "out.mp4"], "lose the transparency"),
        (["photo.png", "--gray", "--classes", "persom"], "Did you mean 'person'"),
        (["camera", "--transparent"], "camera"),
    ],
)
def test_what_is_wrong_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
):
    try:
        code: object = main(["background", *arguments])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not list(here.glob("*_background*"))
    assert not list(here.glob("out*"))


def test_resume_is_for_videos(here: Path, capsys):
    assert main(["background", "photo.png", "--gray", "--resume"]) == 2
    assert "--resume is for videos" in capsys.readouterr().err
    assert main(["background", "clip.mp4", "--gray", "--resume", "-o", "o.mp4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 0
    assert not list(here.glob(".*"))
