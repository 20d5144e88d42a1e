"""Other backgrounds for long videos: a job that is broken off goes on to the same pictures."""

import numpy as np
import pytest

import easyseg.background.api as api
from easyseg import change_background_video
from easyseg.errors import InputError, MediaError
from easyseg.pipeline import resume
from easyseg.videos.source import VideoSource


class BrokenOffError(Exception):
    """Raised in the middle."""


@pytest.fixture(autouse=True)
def short_sections(monkeypatch, segmenter):
    monkeypatch.setattr(resume, "SECTION", 4)
    monkeypatch.setattr(api, "find_segmenter", lambda *_, **__: segmenter)


def break_off(clip, target, **options):
    def on_frame(index, time, result):
        if index == 9:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        change_background_video(clip, target, resume=True, on_frame=on_frame, **options)


def frames(target):
    with VideoSource(target) as video:
        return np.stack([frame.image for frame in video])


@pytest.mark.parametrize("name", ["o.mp4", "pictures/%03d.png"])
@pytest.mark.parametrize("every_n", [1, 2])
def test_the_same_pictures_in_the_end(clip, waves, tmp_path, name, every_n):
    """The video behind goes on where it was, too."""
    options = {"video": waves, "every_n": every_n, "smoothing": "strong", "progress": False}
    for folder in ("whole", "broken"):
        (tmp_path / folder / name).parent.mkdir(parents=True)
    change_background_video(clip, tmp_path / "whole" / name, **options, resume=True)
    break_off(clip, tmp_path / "broken" / name, **options)
    summary = change_background_video(clip, tmp_path / "broken" / name, **options, resume=True)
    assert summary.frames == 12
    assert summary.resumed in (4, 8)
    if name == "o.mp4":
        one, other = (frames(tmp_path / folder / name) for folder in ("whole", "broken"))
        np.testing.assert_array_equal(one, other)
        assert len({round(float(image[2, 2].mean()) / 90) for image in one}) == 3  # the waves
    else:
        for file in sorted((tmp_path / "whole" / "pictures").glob("*.png")):
            other = tmp_path / "broken" / "pictures" / file.name
            assert file.read_bytes() == other.read_bytes()


def test_another_change_is_refused(clip, waves, tmp_path):
    break_off(clip, tmp_path / "o.mp4", color=(0, 255, 0))
    with pytest.raises(MediaError, match=r"color was \[0, 255, 0\] and is \[0, 0, 255\]"):
        change_background_video(clip, tmp_path / "o.mp4", color=(0, 0, 255), resume=True)
    with pytest.raises(MediaError, match="begun otherwise"):
        change_background_video(clip, tmp_path / "o.mp4", video=waves, resume=True)


def test_what_cannot_be_resumed(clip, tmp_path):
    with pytest.raises(InputError, match="image must be a file"):
        change_background_video(
            clip, tmp_path / "o.mp4", image=np.zeros((4, 4, 3), np.uint8), resume=True
        )
    with pytest.raises(InputError, match="transparent"):
        change_background_video(clip, tmp_path / "o.mov", transparent=True, resume=True)
    assert list(tmp_path.iterdir()) == []
