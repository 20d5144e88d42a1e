"""Other backgrounds: for pictures, for videos, with videos behind."""

import itertools
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from reds import scene

import easyseg
from easyseg.background import Change, LoopedVideo, change, change_file, frame_clock
from easyseg.errors import InputError, MediaError
from easyseg.pictures import image as media
from easyseg.pipeline import Job, Range
from easyseg.videos.encoder import Encoding
from easyseg.videos.source import VideoSource

CORNER, CENTER = (slice(0, 6), slice(0, 6)), (slice(18, 30), slice(28, 38))


def _frames(path: Path) -> list[np.ndarray]:
    with VideoSource(path) as video:
        return [frame.image for frame in video]


def _level(image: np.ndarray, place: tuple[slice, slice]) -> int:
    return round(float(image[place].mean()))


def test_a_looped_video_is_in_step_with_the_clock(waves: Path):
    times = iter([0, 0.02, 0.09, 0.2, 0.26, 0.6, 1.4])
    with LoopedVideo(waves, lambda: Fraction(next(times))) as video:
        levels = [round(float(video().mean())) for _ in range(7)]
    np.testing.assert_allclose(levels, [20, 20, 110, 200, 20, 110, 110], atol=3)
    assert not [t for t in threading.enumerate() if t.name == "easyseg-background"]


def test_a_clock_of_frames():
    clock = frame_clock(Fraction(24))
    assert [clock() for _ in range(3)] == [0, Fraction(1, 24), Fraction(1, 12)]
    assert list(itertools.islice(iter(frame_clock(None), None), 2)) == [0, Fraction(1, 25)]


def test_a_video_behind_a_video(segmenter, clip: Path, waves: Path, tmp_path: Path):
    summary = change_file(clip, tmp_path / "out.mp4", segmenter, Change(video=waves), Job())
    assert summary.frames == 12
    frames = _frames(tmp_path / "out.mp4")
    behind = [_level(frame, CORNER) for frame in frames]
    wanted = np.array([20, 110, 200]).repeat(2)
    np.testing.assert_allclose(behind, np.tile(wanted, 2), atol=6)
    assert np.abs(frames[5][CENTER].mean(axis=(0, 1)) - (210, 40, 30)).max() < 8
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.streams.audio) == 1


def test_a_slower_or_thinned_video_keeps_its_background_in_step(
    segmenter, clip: Path, waves: Path, tmp_path: Path
):
    job = Job(range=Range(stride=2), progress=False)
    change_file(clip, tmp_path / "out.mp4", segmenter, Change(video=waves), job)
    behind = [_level(frame, CORNER) for frame in _frames(tmp_path / "out.mp4")]
    np.testing.assert_allclose(behind, [20, 110, 200] * 2, atol=6)


def test_a_transparent_video(segmenter, clip: Path, tmp_path: Path):
    job = Job(encoding=Encoding(alpha=True), range=Range(max_frames=3))
    change_file(clip, tmp_path / "out.mov", segmenter, Change(transparent=True), job)
    with av.open(str(tmp_path / "out.mov")) as container:
        alphas = [f.to_ndarray(format="rgba")[..., 3] for f in container.decode(video=0)]
        assert len(container.streams.audio) == 1
    assert len(alphas) == 3
    assert alphas[0][CENTER].min() > 250
    assert alphas[0][CORNER].max() < 5


def test_every_effect_and_its_inverse(segmenter):
    beach = np.full((9, 9, 3), 123, np.uint8)
    for one in ({"blur": 0.5}, {"color": (0, 255, 0)}, {"gray": True}, {"pixelate": "low"},
                {"image": beach}):  # fmt: skip
        for invert in (False, True):
            what = Change(**one, invert=invert, classes="person")
            with what.drawing(segmenter.label_set, frame_clock(None)) as draw:
                picture = draw(segmenter(scene()))
            kept, changed = (CORNER, CENTER) if invert else (CENTER, CORNER)
            np.testing.assert_array_equal(picture[kept], scene()[kept])
            if "blur" not in one and "pixelate" not in one:  # which leave one colour as it is
                assert (picture[changed] != scene()[changed]).any()


def test_a_picture_in_one_line(photographs: Path, tmp_path: Path):
    astronaut = photographs / "astronaut.jpg"
    picture = easyseg.change_background(
        astronaut, tmp_path / "out.png", color=(0, 255, 0), classes="person", model="builtin"
    )
    np.testing.assert_array_equal(media.read(tmp_path / "out.png"), picture)
    photograph = media.read(astronaut)
    np.testing.assert_array_equal(picture[10, 400], (0, 255, 0))
    np.testing.assert_array_equal(picture[100, 220], photograph[100, 220])
    cutout = easyseg.change_background(
        np.ascontiguousarray(photograph[..., ::-1]), order="bgr", transparent=True,
        classes="person", model="builtin",
    )  # fmt: skip
    np.testing.assert_array_equal(cutout[100, 220], (*photograph[100, 220], 255))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "got none"),
        ({"blur": 0.5, "gray": True}, "got blur and gray"),
        ({"blur": 2}, "from 0 to 1"),
        ({"image": "x.jpg", "fit": "crop"}, "fill, fit, stretch"),
        ({"gray": True, "classes": "persom"}, "Did you mean 'person'"),
    ],
)
def test_what_makes_no_sense_is_said(options, message):
    with pytest.raises(InputError, match=message):
        easyseg.change_background(np.zeros((8, 8, 3), np.uint8), model="builtin", **options)


def test_what_cannot_be_written_is_said_before_the_work(clip: Path, waves: Path, tmp_path: Path):
    with pytest.raises(InputError, match="lose the transparency"):
        easyseg.change_background_video(clip, tmp_path / "out.mp4", transparent=True)
    with pytest.raises(InputError, match="is the new background"):
        easyseg.change_background_video(clip, waves, video=waves, model="builtin")
    with pytest.raises(MediaError, match="not there"):
        easyseg.change_background_video(
            clip, tmp_path / "out.mp4", video=tmp_path / "no.mp4", model="builtin"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("classes", "dataset"),
    [(None, "voc"), ("person", "voc"), (["cat", 3], "voc"), ("sky", "ade20k"), ("nonsense", "voc")],
)
def test_the_data_set_is_the_one_that_has_the_classes(monkeypatch, classes, dataset):
    monkeypatch.setattr(change, "cached_segmenter", lambda _model, *, dataset, **_rest: dataset)
    assert change.find_segmenter("fast", None, classes) == dataset
    assert change.find_segmenter("mine.pt", None, classes) is None
