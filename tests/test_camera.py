"""The faces of live cameras: stream(), segment_camera(), PixelLib's methods, the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mjpeg import mjpeg_server
from signatures import positional

import easyseg
from easyseg import api, camera, engine
from easyseg.cli import main
from easyseg.engine import Prediction, Segmenter
from easyseg.errors import InputError, MediaError
from easyseg.labels import PASCAL_VOC
from easyseg.pictures import image as media
from easyseg.result import Segmentation
from easyseg.semantic import camera as pixellib
from easyseg.transforms import Geometry
from easyseg.videos.source import VideoInfo, VideoSource
from easyseg.videos.video_sink import VideoSink


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    ours = ("easyseg-camera", "easyseg-live", "easyseg-page")
    assert [t for t in threading.enumerate() if t not in before and t.name in ours] == []


class Webcam:
    """Gives frames whose upper half is bright, in BGR's blue; may be released."""

    released = 0

    def __init__(self, rate: float = 50) -> None:
        self.rate = rate

    def read(self):
        time.sleep(1 / self.rate)
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24, :, 0] = 200
        return True, picture

    def release(self):
        self.released += 1


class Fake(Segmenter):
    """Finds an aeroplane (VOC's 1) where there is blue."""

    size = None

    def __init__(self) -> None:
        self.label_set, self.name = PASCAL_VOC, "fake"

    def predict(self, image):
        size = image.shape[:2]
        return Prediction(image, torch.zeros(1, 21, 2, 2), Geometry(size, size, size), {})

    def finish(self, prediction, *, confidence=False, source=None):
        image = prediction.image
        labels = (image[..., 2] > 100).astype(np.uint8)
        return Segmentation(labels, PASCAL_VOC, image, "fake", {}, source)

    def __call__(self, source, *, color="rgb", confidence=False):
        return self.finish(self.predict(media.read(source)), source=str(source))


@pytest.fixture
def fake(monkeypatch):
    """The fake in the place of every model; gives the options it was asked for with."""
    asked = []

    def cached(*_, **options):
        asked.append(options)
        return Fake()

    for module in (api, camera, engine):
        monkeypatch.setattr(module, "cached_segmenter", cached)
    return asked


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Half a second."""
    path = tmp_path / "clip.mp4"
    info = VideoInfo(64, 48, Fraction(24), Fraction(1, 24), 12, 0.5, "none", (), (), 0)
    with VideoSink(path, info) as sink:
        for number in range(12):
            sink.write(np.full((48, 64, 3), (0, 0, 200), np.uint8), Fraction(number, 24))
    return path


def count(path: Path) -> int:
    with VideoSource(path) as source:
        return sum(1 for _ in source)


class TestStream:
    def test_a_stream_on_the_network(self, fake):
        with mjpeg_server(pictures=[np.full((48, 64, 3), (0, 0, 200), np.uint8)]) as server:
            results = list(easyseg.stream(server.url, max_frames=3))
        assert [result.ratios for result in results] == [{"aeroplane": 1.0}] * 3
        assert results[0].source == server.url

    def test_objects(self, fake, clip):
        webcam = Webcam()
        assert len(list(easyseg.stream(webcam, max_frames=3))) == 3
        assert not webcam.released  # it is its owner's
        capture = cv2.VideoCapture(str(clip))
        assert 3 < len(list(easyseg.stream(capture))) <= 12
        capture.release()

    def test_stopping_early_gives_the_camera_back(self, fake):
        results = easyseg.stream(Webcam())
        next(results)
        results.close()  # its thread has ended, see the fixture

    def test_timeout_and_a_list(self, fake, clip):
        began = time.monotonic()
        results = list(easyseg.stream([Webcam(), clip], timeout=0.3))
        assert 0.3 < time.monotonic() - began < 3
        assert [result.source for result in results[-12:]] == [str(clip)] * 12

    def test_pictures_with_a_read_are_still_pictures(self, fake, tmp_path):
        path = media.write(tmp_path / "a.png", np.full((4, 4, 3), 200, np.uint8))
        with path.open("rb") as file:
            assert len(list(easyseg.stream(file))) == 1

    @pytest.mark.parametrize(
        ("source", "camera"),
        [("http://host/a.jpg", False), ("https://host/a.PNG?size=3", False), ("a.mp4", False),
         ("http://host:8080/video", True), ("http://host/?action=stream", True),
         ("rtsp://host/live.jpg", False), ("rtsp://host/live", True), ("udp://@:5000", True),
         ("/dev/null", True), (0, True)],
    )  # fmt: skip
    def test_what_is_a_camera(self, source, camera):
        assert api._is_camera(source) is camera

    def test_a_camera_that_is_not_there(self, fake):
        with pytest.raises(MediaError, match="camera 97"):
            next(easyseg.stream(97))


class TestSegmentCamera:
    def test_everything_at_once(self, fake, tmp_path):
        frames, pictures = [], []

        class Sink:
            def write(self, image, time):
                pictures.append(image)

            def close(self):
                pictures.append(None)

        summary = easyseg.segment_camera(
            Webcam(), dataset="voc", display="none", record=tmp_path / "r.mp4", max_frames=6,
            statistics=tmp_path / "s.csv", on_frame=lambda *facts: frames.append(facts),
            sinks=[Sink()], draw=lambda result: 255 - result.image, classes="aeroplane",
        )  # fmt: skip
        assert (summary.frames, len(frames), count(tmp_path / "r.mp4")) == (6, 6, 6)
        assert summary.last.ratios == {"aeroplane": 0.5}
        assert pictures[-1] is None
        assert len(pictures) == 7
        assert pictures[0][0, 0].tolist() == [255, 255, 55]
        assert len((tmp_path / "s.csv").read_text().splitlines()) == 7
        assert fake[0]["dataset"] == "voc"

    def test_a_file_that_plays_is_seen_from_its_beginning(self, fake, clip, monkeypatch):
        def slowly(*_, **__):
            time.sleep(0.6)  # longer than the clip
            return Fake()

        monkeypatch.setattr(camera, "cached_segmenter", slowly)
        times = []
        easyseg.segment_camera(clip, display="none", on_frame=lambda n, t, _: times.append((n, t)))
        assert times[0] == (0, 0)
        assert times[-1] == (11, pytest.approx(11 / 24, abs=0.1))

    def test_a_size_of_ones_own(self, fake):
        easyseg.segment_camera(Webcam(), display="none", size=320, max_frames=1)
        easyseg.segment_camera(Webcam(), display="none", max_frames=1)
        assert [options["size"] for options in fake] == [320, None]

    @pytest.mark.parametrize(
        "options",
        [{"size": "large"}, {"alpha": 3}, {"smoothing": "much"}, {"every_n": 0}, {"rate": 0},
         {"crf": 99}, {"timeout": -1}, {"max_frames": 0}, {"color": "grey"}],
    )  # fmt: skip
    def test_mistakes_are_said_before_anything_is_opened(self, fake, options):
        with pytest.raises(InputError):
            easyseg.segment_camera(Webcam(), display="none", **options)
        assert fake == []

    @pytest.mark.parametrize("options", [{"record": "r.avi"}, {"display": "telly"},
                                         {"statistics": "s.xls"}])  # fmt: skip
    def test_mistakes_leave_nothing_open(self, fake, options):
        with pytest.raises(InputError):
            easyseg.segment_camera(Webcam(), **{"display": "none", **options})


class TestPixelLib:
    PARAMETERS = (
        "cam", "overlay", "check_fps", "frames_per_second", "output_video_name", "show_frames",
        "frame_name", "verbose",
    )  # fmt: skip

    @pytest.fixture
    def seg(self):
        seg = easyseg.semantic_segmentation()
        seg._segmenters["voc"] = seg._segmenters["ade20k"] = Fake()
        return seg

    def test_the_order_of_the_parameters(self):
        kind = easyseg.semantic_segmentation
        assert positional(kind.process_camera_pascalvoc) == self.PARAMETERS
        assert positional(kind.process_camera_ade20k) == (
            *self.PARAMETERS, "extract_segmented_objects",
        )  # fmt: skip

    def test_pascalvoc(self, seg, tmp_path, capsys):
        webcam, target = Webcam(), tmp_path / "o.mp4"
        values, picture = seg.process_camera_pascalvoc(
            webcam, check_fps=True, frames_per_second=10, output_video_name=str(target),
            max_frames=20,
        )  # fmt: skip
        assert values["class_names"] == ["background", "aeroplane"]
        assert values["masks"].shape == (2, 48, 64)
        np.testing.assert_array_equal(picture[0, 0], PASCAL_VOC.palette[1][::-1])
        assert webcam.released == 1
        out = capsys.readouterr().out
        assert out.endswith(" frames per seconds\n")
        assert 10 < float(out.split()[0]) < 60
        with VideoSource(target) as source:
            times = [float(frame.time) for frame in source]
        assert len(times) == 20
        assert times[-1] < 1.5  # life's speed, not 2 s as 10 a second would make it

    def test_ade20k_with_objects_and_an_overlay(self, seg, capsys):
        values, objects, picture = seg.process_camera_ade20k(
            Webcam(), True, extract_segmented_objects=True, max_frames=2
        )
        assert [one["class_id"] for one in objects] == values["class_ids"]
        assert picture.shape == (48, 64, 3)
        blue = 0.7 * PASCAL_VOC.palette[1].astype(float)[::-1] + 0.3 * np.array([200, 0, 0])
        assert np.abs(picture[0, 0] - blue).max() < 2
        assert capsys.readouterr().out == ""

    def test_a_capture_of_a_file_ends(self, seg, clip):
        capture = cv2.VideoCapture(str(clip))
        values, _ = seg.process_camera_pascalvoc(capture, verbose=True)
        assert values["class_names"] == ["aeroplane"]
        assert not capture.isOpened()

    def test_a_file_by_its_name(self, seg, clip):
        assert seg.process_camera_pascalvoc(str(clip)).segmentation.source == str(clip)

    def test_show_frames(self, seg, monkeypatch):
        seen = []
        monkeypatch.setattr(pixellib, "run_live", lambda *facts: seen.append(facts) or 1 / 0)
        for options in ({}, {"show_frames": True}, {"show_frames": True, "frame_name": "frame"}):
            with pytest.raises(ZeroDivisionError):
                seg.process_camera_pascalvoc(Webcam(), **options)
        shown = [(facts[3].display, facts[3].title) for facts in seen]
        assert shown == [("none", "easyseg"), ("auto", "easyseg"), ("auto", "frame")]

    def test_released_after_an_error_too(self, seg):
        webcam = Webcam()
        with pytest.raises(InputError):
            seg.process_camera_pascalvoc(webcam, classes="unicorn")
        assert webcam.released == 1


class TestCommandLine:
    def test_a_stream(self, fake, tmp_path, capsys):
        with mjpeg_server() as server:
            targets = ["--record", str(tmp_path / "r.mp4"), "--stats", str(tmp_path / "s.csv")]
            code = main(["camera", server.url, "--display=none", "--max-frames=4", *targets])
        assert code == 0
        assert count(tmp_path / "r.mp4") == 4
        out = capsys.readouterr().out
        assert out.startswith(f"{tmp_path / 'r.mp4'}  4 frames, ")

    def test_json(self, fake, clip, capsys):
        assert main(["camera", str(clip), "--display", "none", "--json", "--size", "256"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["frames"] + facts["dropped"] == 12
        assert fake[0]["size"] == 256

    def test_the_address_of_the_page_is_told(self, fake, clip, capsys):
        assert main(["camera", str(clip), "--display", "browser"]) == 0
        out, err = capsys.readouterr()
        assert "the live picture is at http://127.0.0.1:" in err
        assert "http" not in out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [(["97"], "camera 97 is not there"), (["nothing.mp4"], "nothing.mp4"),
         (["clip.mp4", "--record", "r.avi"], "AVI"), (["clip.mp4", "--rate", "0"], "rate")],
    )  # fmt: skip
    def test_mistakes(self, fake, clip, monkeypatch, capsys, arguments, message):
        monkeypatch.chdir(clip.parent)
        assert main(["camera", *arguments, "--display", "none"]) == 2
        assert message in capsys.readouterr().err
        assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_leaves_a_playable_recording(tmp_path, photographs, number):
    """The real model, a real stream, a real signal."""
    picture = media.resize(media.read(photographs / "chelsea.jpg"), (240, 320))
    with mjpeg_server(pictures=[picture]) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "easyseg", "camera", server.url, "--model", "builtin",
             "--dataset", "voc", "--display", "none", "--record", "r.mp4", "--stats", "s.csv"],
            cwd=tmp_path, stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        table = tmp_path / "s.csv"
        until = time.monotonic() + 90
        while time.monotonic() < until and (
            not table.exists() or len(table.read_text().splitlines()) < 8
        ):
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"easyseg: interrupted\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.mp4", "s.csv"]
    assert count(tmp_path / "r.mp4") >= 2
    if shutil.which("ffprobe"):
        told = subprocess.run(
            ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of",
             "csv=p=0", "r.mp4"], cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (told.stdout.split(",")[0], told.stderr) == ("h264", "")


@pytest.mark.slow
def test_the_built_in_model_on_a_real_stream(tmp_path, photographs):
    """The rate that was asked for is reached or the size is the smallest; life's speed is kept."""
    picture = media.resize(media.read(photographs / "chelsea.jpg"), (480, 640))
    with mjpeg_server(pictures=[np.roll(picture, 4 * n, 1) for n in range(40)]) as server:
        summary = easyseg.segment_camera(
            server.url, dataset="voc", model="builtin", display="none", max_frames=30,
            record=tmp_path / "r.mp4",
        )  # fmt: skip
    assert "cat" in summary.last.ratios
    assert summary.rate > 13 or summary.size < Segmenter("builtin", dataset="voc").size
    with VideoSource(tmp_path / "r.mp4") as source:
        times = [float(frame.time) for frame in source]
    assert len(times) == summary.frames
    assert times[-1] == pytest.approx(summary.seconds, abs=0.5)
