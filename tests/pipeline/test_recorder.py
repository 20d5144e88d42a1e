"""Recordings: the times of the frames, names that are free, ends of all kinds."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from easyseg.errors import InputError, MediaError
from easyseg.pipeline.recorder import Recorder, new_path
from easyseg.videos.source import VideoSource

# As a slow machine has them: anything but regular.
TIMES = [Fraction(n, 1000) for n in (0, 70, 155, 200, 950, 1000, 2345)]


def picture(number: int, size=(48, 64)) -> np.ndarray:
    return np.full((*size, 3), 30 * number, np.uint8)


def read(path: Path) -> list[tuple[int, float]]:
    with VideoSource(path) as source:
        return [(round(frame.image.mean() / 30), float(frame.time)) for frame in source]


@pytest.mark.parametrize("name", ["r.mp4", "r.mkv", "r.webm"])
def test_every_frame_keeps_its_time(tmp_path, name):
    recorder = Recorder(tmp_path / name)
    for number, time in enumerate(TIMES):
        recorder.write(picture(number), time + 5)
    assert recorder.seconds == pytest.approx(2.345)
    recorder.close()
    assert recorder.paths == [tmp_path / name]
    assert read(tmp_path / name) == [(n, pytest.approx(t, abs=2e-3)) for n, t in enumerate(TIMES)]


def test_a_camera_that_comes_back_with_another_size(tmp_path):
    recorder = Recorder(tmp_path / "r.mp4")
    recorder.write(picture(1), Fraction(0))
    recorder.write(picture(2, (96, 100)), Fraction(1))
    recorder.close()
    assert [number for number, _ in read(tmp_path / "r.mp4")] == [1, 2]


def test_on_and_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recorder = Recorder()
    recorder.write(picture(0), Fraction(0))
    for number in (1, 2):
        assert recorder.toggle().startswith("recording easyseg_")
        recorder.write(picture(number), Fraction(number))
        assert recorder.on
        assert recorder.toggle().startswith("recorded easyseg_")
        assert not recorder.on
    first, second = recorder.paths
    assert first != second
    assert [read(path) for path in (first, second)] == [[(1, 0.0)], [(2, 0.0)]]


def test_a_second_recording_is_named_after_the_first(tmp_path):
    recorder = Recorder(tmp_path / "r.mkv")
    recorder.write(picture(1), Fraction(0))
    recorder.toggle()
    recorder.toggle()
    recorder.write(picture(2), Fraction(1))
    recorder.close()
    assert recorder.paths[0].name == "r.mkv"
    assert recorder.paths[1].match("r_*.mkv")


def test_nothing_came(tmp_path):
    recorder = Recorder(tmp_path / "r.mp4")
    recorder.close()
    recorder.close()
    assert (recorder.paths, list(tmp_path.iterdir())) == ([], [])


def test_after_an_error_what_was_finished_is_kept(tmp_path):
    recorder = Recorder(tmp_path / "r.mp4")
    recorder.write(picture(1), Fraction(0))
    recorder.close(KeyboardInterrupt())
    assert [path.name for path in tmp_path.iterdir()] == ["r.mp4"]
    assert read(tmp_path / "r.mp4") == [(1, 0.0)]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("r.avi", InputError, "no times of their own"), ("r.txt", InputError, "must end in"),
     ("no/r.mp4", MediaError, "there is no folder")],
)  # fmt: skip
def test_what_cannot_be_recorded_is_said_at_once(tmp_path, name, error, message):
    with pytest.raises(error, match=message):
        Recorder(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "now")
    first = new_path(".mp4", tmp_path / "r")
    first.touch()
    assert new_path(".mp4", tmp_path / "r").name == "r_now_2.mp4"
