"""The live loop: what is shown, recorded and counted, and every way to end."""

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest

from easyseg.cameras.source import CameraSource
from easyseg.errors import InputError, MediaError
from easyseg.pipeline import Live, Segmenting, View, live, run_live, segment_newest
from easyseg.videos.source import VideoSource

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Webcam:
    """Gives frame n of grey value 8 (n mod 30)."""

    def __init__(self, *, rate: float = 50, size=(48, 64)) -> None:
        self.rate, self.size, self.count = rate, size, 0

    def read(self):
        time.sleep(1 / self.rate)
        self.count += 1
        return np.full((*self.size, 3), 8 * (self.count % 30), np.uint8)


class Screen:
    """A display that presses keys: `script` gives them by the number of the picture shown."""

    def __init__(self, script=None, close_at=None) -> None:
        self.script, self.close_at = script or {}, close_at
        self.pictures: list[np.ndarray] = []
        self.gone = False
        self.idle = 0

    @property
    def closed(self):
        return self.close_at is not None and len(self.pictures) >= self.close_at

    def show(self, image):
        self.pictures.append(image)

    def pressed(self):
        self.idle += 1
        return self.script.pop(len(self.pictures), [])

    def close(self):
        self.gone = True


@pytest.fixture
def screen(monkeypatch):
    def make(**options):
        one = Screen(**options)
        monkeypatch.setattr(live, "open_display", lambda *_, **__: one)
        return one

    return make


def go(fake, *, camera=None, view=None, sinks=(), settings=None, source=None, delay=0.0, **options):
    camera = camera or CameraSource(source or Webcam(), **{"max_frames": 10, **options})
    segmenter = fake(delay=delay)
    segmenter.size = None
    return run_live(camera, segmenter, view, settings or Live(display="none", rate=None), sinks)


class Sink:
    def __init__(self, fail_at=None) -> None:
        self.times, self.closed, self.fail_at = [], 0, fail_at

    def write(self, image, time):
        assert image.shape == (48, 64, 3)
        if len(self.times) == self.fail_at:
            raise MediaError("the sink broke")
        self.times.append(time)

    def close(self):
        self.closed += 1


def test_every_sink_gets_every_picture_with_its_time(fake):
    sinks, notes = (Sink(), Sink()), []
    settings = Live(display="none", rate=None, on_frame=lambda *facts: notes.append(facts))
    summary = go(fake, sinks=sinks, settings=settings)
    assert summary.frames == 10
    assert sinks[0].times == sinks[1].times == [Fraction(t).limit_denominator(10**6)
                                                for t in sinks[0].times]  # fmt: skip
    assert [float(t) for t in sinks[0].times] == [note[1] for note in notes]
    assert sinks[0].times[0] == 0
    assert [sink.closed for sink in sinks] == [1, 1]
    assert summary.last is notes[-1][2]
    assert 5 < summary.rate < 60
    assert 0 < summary.latency < 1
    assert summary.picture.shape == (48, 64, 3)


def test_a_slow_network_drops_frames_and_does_not_lag(fake):
    ages = []
    camera = CameraSource(Webcam(rate=100), max_frames=8)
    settings = Live(
        display="none", rate=None,
        on_frame=lambda index, passed, _: ages.append(time.monotonic() - camera.began - passed),
    )  # fmt: skip
    summary = go(fake, camera=camera, settings=settings, delay=0.1)
    assert summary.dropped > 30
    assert max(ages[1:]) < 0.35  # the network's 0.1 s, a frame that waited, and a busy machine


def test_every_nth_and_statistics(fake, tmp_path):
    settings = Live(
        display="none", rate=None, segmenting=Segmenting(every_n=5), statistics=tmp_path / "s.csv"
    )
    go(fake, settings=settings)
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 11


def test_a_recording_plays_at_the_speed_of_life(fake, tmp_path):
    settings = Live(display="none", rate=None, record=tmp_path / "r.mp4")
    began = time.monotonic()
    summary = go(fake, settings=settings, delay=0.06, max_frames=12)
    passed = time.monotonic() - began
    assert summary.recordings == (tmp_path / "r.mp4",)
    with VideoSource(tmp_path / "r.mp4") as source:
        times = [float(frame.time) for frame in source]
    assert len(times) == 12
    assert times[-1] == pytest.approx(summary.seconds, abs=0.15)
    assert times[-1] < passed


class TestKeys:
    def test_quit(self, fake, screen):
        one = screen(script={3: ["q"]})
        assert go(fake, max_frames=100).frames == 3
        assert one.gone

    def test_closing_the_window(self, fake, screen):
        one = screen(close_at=4)
        assert go(fake, max_frames=100).frames == 4
        assert one.gone

    def test_the_picture_has_a_line_of_figures_and_the_recording_has_not(self, fake, screen):
        one, sink = screen(), []

        class Keep(Sink):
            def write(self, image, time):
                sink.append(image)

        go(fake, source=Webcam(size=(240, 320)), sinks=(Keep(),), view=View(legend=False))
        different = [np.abs(a.astype(int) - b).max(axis=(1, 2)) for a, b in
                     zip(one.pictures, sink, strict=True)]  # fmt: skip
        assert all(rows[:40].any() for rows in different)
        assert not any(rows[60:].any() for rows in different)

    def test_the_view_obeys(self, fake, screen):
        screen(script={2: ["o"], 4: ["l"], 5: ["x"]})
        view = View()
        go(fake, view=view)
        assert (view.mode, view.legend) == ("colours", False)

    def test_pause(self, fake, screen):
        one = screen(script={2: [" "], 3: ["o"], 4: [" "]})
        webcam = Webcam()
        times = []
        settings = Live(rate=None, on_frame=lambda _, passed, __: times.append(passed))
        camera = CameraSource(webcam, max_frames=12)
        summary = go(fake, camera=camera, settings=settings)
        # Two refreshes in the pause; what the worker had at hand is thrown away.
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert max(gaps) > 0.2
        assert len(one.pictures) == summary.frames + 2

    def test_it_is_said_when_the_camera_is_silent_or_the_network_slow(
        self, fake, screen, monkeypatch
    ):
        """Only the first is called silence."""
        said = []

        class Stalling(Webcam):
            def read(self):
                if self.count == 3:
                    time.sleep(1.5)
                return super().read()

        one = screen()
        one.show = lambda image: None
        texts: list[str] = []
        monkeypatch.setattr(live, "with_status", lambda image, facts: texts.extend(facts))
        for webcam, delay in ((Stalling(), 0.0), (Webcam(), 1.4)):
            go(fake, source=webcam, delay=delay, max_frames=2 if delay else 6)
            said.append(any(text.startswith("no picture for") for text in texts))
            texts.clear()
        assert said == [True, False]

    def test_the_camera_ends_in_a_pause(self, fake, screen):
        screen(script={2: [" "]})
        assert go(fake, max_frames=None, timeout=0.5).frames == 2

    def test_snapshot_and_record(self, fake, screen, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        screen(script={2: ["s"], 3: ["r"], 6: ["r"], 8: ["r"]})
        summary = go(fake, max_frames=10)
        files = sorted(path.suffix for path in tmp_path.iterdir())
        assert files == [".mp4", ".mp4", ".png"]
        lengths = []
        for path in summary.recordings:
            with VideoSource(path) as source:
                lengths.append(sum(1 for _ in source))
        assert lengths == [3, 2]

    def test_a_folder_that_takes_no_snapshot(self, fake, screen, monkeypatch, caplog):
        screen(script={2: ["s"]})
        monkeypatch.setattr(live, "new_path", lambda _: "/nonesuch/a.png")
        assert go(fake).frames == 10
        assert "nonesuch" in caplog.text


class TestEnds:
    def test_the_camera_ends(self, fake, clip):
        summary = go(fake, camera=CameraSource(clip))
        assert 10 < summary.frames <= 24
        assert summary.seconds == pytest.approx(0.96, abs=0.3)

    @pytest.mark.parametrize("where", ["network", "draw", "callback", "interrupt", "sink"])
    def test_an_error_ends_everything_and_the_recording_is_playable(self, fake, tmp_path, where):
        def on_frame(index, passed, result):
            if next(calls) == 5 and where in ("callback", "interrupt"):
                raise KeyboardInterrupt if where == "interrupt" else KeyError("mine")

        def draw(result):
            if where == "draw" and next(calls) == 5:
                raise ZeroDivisionError
            return result.image

        calls = itertools.count()
        segmenter = fake(fail_at=6 if where == "network" else None)
        segmenter.size = None
        sinks = (Sink(fail_at=5 if where == "sink" else None), Sink())
        settings = Live(
            display="none", rate=None, record=tmp_path / "r.mp4",
            on_frame=None if where == "draw" else on_frame,
        )  # fmt: skip
        errors = {"network": RuntimeError, "draw": ZeroDivisionError, "callback": KeyError,
                  "interrupt": KeyboardInterrupt, "sink": MediaError}  # fmt: skip
        with pytest.raises(errors[where]):
            run_live(CameraSource(Webcam()), segmenter, View(draw), settings, sinks)
        assert [sink.closed for sink in sinks] == [1, 1]
        assert [path.name for path in tmp_path.iterdir()] == ["r.mp4"]
        with VideoSource(tmp_path / "r.mp4") as source:
            assert 3 <= sum(1 for _ in source) <= 6

    def test_a_disk_that_is_full(self, fake, tmp_path, disk_full_after):
        disk_full_after(4)
        with pytest.raises(MediaError, match="the disk is full"):
            go(fake, settings=Live(display="none", rate=None, record=tmp_path / "r.mp4"))
        with VideoSource(tmp_path / "r.mp4") as source:
            assert sum(1 for _ in source) == 4

    def test_no_picture_at_all(self, fake, tmp_path):
        class Dead:
            def read(self):
                time.sleep(0.01)

        with pytest.raises(MediaError, match="Dead gave no picture"):
            go(
                fake,
                source=Dead(),
                timeout=0.2,
                settings=Live(display="none", record=tmp_path / "r.mp4"),
            )
        assert list(tmp_path.iterdir()) == []

    def test_a_display_that_cannot_be_had_closes_the_rest(self, fake, tmp_path):
        sink = Sink()
        camera = CameraSource(Webcam())
        with pytest.raises(InputError, match="display"):
            go(fake, camera=camera, sinks=(sink,), settings=Live(display="telly"))
        assert sink.closed == 1
        assert camera.over


def test_segment_newest_gives_the_moment_however_slow_its_user(fake):
    camera = CameraSource(Webcam(rate=100), max_frames=4)
    for frame, result in segment_newest(camera, fake()):
        assert camera.age(frame) < 0.15
        assert result.classes[0].id == round(frame.image.mean() / 8)
        time.sleep(0.2)
    assert camera.dropped > 30


@pytest.mark.parametrize("rate", [0, -1, "fast", True, float("nan")])
def test_a_rate_that_makes_no_sense(rate):
    with pytest.raises(InputError, match="rate"):
        Live(rate=rate)
