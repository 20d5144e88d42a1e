"""GIFs and folders of frames."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyseg.errors import InputError, MediaError
from easyseg.pictures import image as media
from easyseg.videos.frame_sinks import FolderSink, GifSink, is_folder_of_frames, open_sink
from easyseg.videos.source import VideoSource
from easyseg.videos.video_sink import VideoSink


def test_a_gif_has_a_palette_for_each_frame(tmp_path: Path):
    ramp = np.arange(240, dtype=np.uint8).reshape(12, 20)
    empty = np.zeros_like(ramp)
    red, blue = np.dstack([ramp, empty, empty]), np.dstack([empty, empty, ramp])
    with GifSink(tmp_path / "a.gif") as sink:
        for number, picture in enumerate((red, blue, red)):
            sink.write(picture, Fraction(number, 10) + 5)
    assert sink.frames == 3
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3
        assert gif.info["loop"] == 0
        shown = []
        for number in range(3):
            gif.seek(number)
            assert gif.info["duration"] == 100
            shown.append(np.array(gif.convert("RGB")).astype(int))
    # 240 reds and 240 blues do not go into one palette of 256.
    assert len(np.unique(shown[0][..., 0])) > 200
    assert len(np.unique(shown[1][..., 2])) > 200
    assert np.abs(shown[0] - red).max() <= 4
    assert np.abs(shown[1] - blue).max() <= 4
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_clip_becomes_a_gif_at_its_own_speed(clips, tmp_path):
    with VideoSource(clips("variable.mp4")) as source, GifSink(tmp_path / "a.gif") as sink:
        for frame in source:
            sink.write(frame.image, frame.time)
    with VideoSource(tmp_path / "a.gif") as source:
        times = [frame.time for frame in source]
    wanted = [Fraction(n, 30) for n in (0, 1, 2, 6, 7, 20, 21, 40)]
    assert len(times) == 8
    assert max(abs(a - b) for a, b in zip(times, wanted, strict=True)) <= Fraction(1, 200)


def test_a_folder_of_frames(tmp_path: Path):
    with FolderSink(f"{tmp_path}/deep/frames/") as sink:
        for value in (10, 20):
            sink.write(np.full((4, 6, 3), value, np.uint8), Fraction(0))
    files = sorted((tmp_path / "deep" / "frames").iterdir())
    assert [path.name for path in files] == ["000000.png", "000001.png"]
    assert [int(media.read(path).mean()) for path in files] == [10, 20]


def test_a_pattern_for_frames(tmp_path: Path):
    with FolderSink(tmp_path / "x-%03d.jpg") as sink:
        sink.write(np.zeros((4, 6, 3), np.uint8), Fraction(0))
    assert [path.name for path in tmp_path.iterdir()] == ["x-000.jpg"]


@pytest.mark.parametrize("name", ["%d-%d.png", "%d%.png"])
def test_patterns_that_are_none(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="one number"):
        FolderSink(tmp_path / name)


def test_pictures_of_an_unknown_kind(tmp_path: Path):
    with pytest.raises(MediaError, match=r"\.xyz"):
        FolderSink(tmp_path / "%d.xyz")


@pytest.mark.parametrize("name", ["a.gif", "frames/"])
def test_nothing_written_is_an_error(tmp_path: Path, name: str, clips):
    with VideoSource(clips("one.mp4")) as source:
        sink = open_sink(f"{tmp_path}/{name}", source.info)
    with pytest.raises(MediaError, match="no frame"):
        sink.close()


def test_an_error_leaves_a_playable_gif(tmp_path: Path):
    sink = GifSink(tmp_path / "a.gif")

    def fail():
        with sink:
            sink.write(np.zeros((4, 6, 3), np.uint8), Fraction(0))
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fail()
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (6, 4)
    sink.close()


def test_a_gif_keeps_its_size_and_its_end(tmp_path: Path):
    sink = GifSink(tmp_path / "a.gif")
    sink.write(np.zeros((4, 6, 3), np.uint8), Fraction(0))
    with pytest.raises(InputError, match="keep their size"):
        sink.write(np.zeros((4, 7, 3), np.uint8), Fraction(1))
    sink.close()
    with pytest.raises(MediaError, match="complete"):
        sink.write(np.zeros((4, 6, 3), np.uint8), Fraction(1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.gif", GifSink), ("a.GIF", GifSink), ("b/", FolderSink), ("%d.png", FolderSink),
     ("there", FolderSink), ("a.mp4", VideoSink), ("a.webm", VideoSink)],
)  # fmt: skip
def test_the_path_decides(tmp_path: Path, clips, name: str, kind: type):
    (tmp_path / "there").mkdir()
    with VideoSource(clips("one.mp4")) as source:
        assert type(open_sink(f"{tmp_path}/{name}", source.info)) is kind
    assert is_folder_of_frames(f"{tmp_path}/{name}") == (kind is FolderSink)
