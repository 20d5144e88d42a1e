"""Cameras: the newest frame wins, what is lost comes back, and every way to end."""

import shutil
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from mjpeg import mjpeg_server

from easyseg.cameras import captures
from easyseg.cameras.source import CameraSource
from easyseg.errors import InputError, MediaError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def number(frame) -> int:
    return round(float(frame.image.mean()) / 8)


class Webcam:
    """Gives frame n of grey value 8 n, a hundred a second; told to, it fails or is unplugged."""

    def __init__(self, frames: int = 10**6, *, rate: float = 100, pairs: bool = True) -> None:
        self.frames, self.rate, self.pairs = frames, rate, pairs
        self.reads = 0
        self.unplugged = threading.Event()
        self.error: Exception | None = None

    def read(self):
        time.sleep(1 / self.rate)
        if self.error is not None:
            raise self.error
        if self.unplugged.is_set() or self.reads >= self.frames:
            return (False, None) if self.pairs else None
        picture = np.full((6, 8, 3), 8 * (self.reads % 30), np.uint8)
        self.reads += 1
        return (True, picture) if self.pairs else picture


class TestObjects:
    @pytest.mark.parametrize("pairs", [True, False])
    def test_frames_come_in_order_with_their_times(self, pairs, monkeypatch):
        monkeypatch.setattr(captures, "HICCUP", 0.05)
        webcam = Webcam(12, pairs=pairs)
        with CameraSource(webcam) as camera:
            frames = list(camera)
        assert [frame.index for frame in frames] == [number(frame) for frame in frames]
        assert len(frames) + camera.dropped == 12
        times = [frame.time for frame in frames]
        assert times == sorted(times)
        assert all(isinstance(time, Fraction) for time in times)
        assert times[0] == 0
        assert float(times[-1]) >= 0.9 * frames[-1].index / 100

    def test_the_newest_frame_wins(self):
        with CameraSource(Webcam()) as camera:
            first = camera.newest(1)
            time.sleep(0.3)
            second = camera.newest(1)
            assert camera.age(second) < 0.1
        assert first is not None
        assert second.index - first.index > 10
        assert camera.dropped >= second.index - first.index - 1

    def test_bgr_is_turned(self):
        class Blue:
            def read(self):
                time.sleep(0.01)
                return True, np.full((4, 4, 3), (255, 0, 0), np.uint8)

        for color, wanted in (("bgr", [0, 0, 255]), ("rgb", [255, 0, 0])):
            with CameraSource(Blue(), color=color) as camera:
                assert camera.newest(1).image[0, 0].tolist() == wanted

    @pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 4), (1, 1, 3)])
    def test_every_kind_of_picture(self, shape):
        class Odd:
            def read(self):
                time.sleep(0.01)
                return np.full(shape, 65535, np.uint16)

        with CameraSource(Odd()) as camera:
            image = camera.newest(1).image
        assert (image.shape, image.dtype, image.min()) == ((*shape[:2], 3), np.uint8, 255)

    def test_memory_that_is_used_again(self):
        class Reusing:
            buffer = np.zeros((4, 4, 3), np.uint8)

            def read(self):
                time.sleep(0.01)
                self.buffer += 1
                return True, self.buffer

        with CameraSource(Reusing()) as camera:
            frame = camera.newest(1)
            before = frame.image.copy()
            time.sleep(0.05)
            np.testing.assert_array_equal(frame.image, before)

    def test_unplugged_in_the_middle(self, monkeypatch):
        monkeypatch.setattr(captures, "HICCUP", 0.1)
        webcam = Webcam()
        seen = 0
        with CameraSource(webcam) as camera:
            for _ in camera:
                seen += 1
                if seen == 5:
                    webcam.unplugged.set()
        assert 5 <= seen < 10

    def test_a_hiccup_is_no_end(self):
        webcam = Webcam()
        with CameraSource(webcam) as camera:
            camera.newest(1)
            webcam.unplugged.set()
            time.sleep(0.2)
            webcam.unplugged.clear()
            time.sleep(0.1)
            assert camera.newest(1).index > 1

    def test_what_read_raises_is_raised_where_the_frames_are_used(self):
        webcam = Webcam()
        with CameraSource(webcam) as camera:
            camera.newest(1)
            webcam.error = ZeroDivisionError("mine")
            with pytest.raises(ZeroDivisionError, match="mine"):
                list(camera)

    def test_a_read_of_another_kind(self):
        class Three:
            def read(self):
                return 1, 2, 3

        with CameraSource(Three()) as camera, pytest.raises(InputError, match="3 things"):
            list(camera)

    def test_max_frames(self):
        with CameraSource(Webcam(), max_frames=4) as camera:
            assert len(list(camera)) == 4
            assert camera.over
            assert camera.newest() is None

    def test_timeout(self):
        began = time.monotonic()
        with CameraSource(Webcam(), timeout=0.3) as camera:
            frames = list(camera)
        assert 0.25 < time.monotonic() - began < 1.5
        assert frames

    def test_timeout_without_a_frame(self):
        webcam = Webcam(pairs=False)
        webcam.unplugged.set()
        began = time.monotonic()
        with CameraSource(webcam, timeout=0.2) as camera:
            assert list(camera) == []
        assert time.monotonic() - began < 1

    def test_closed_by_another_thread(self):
        with CameraSource(Webcam()) as camera:
            threading.Timer(0.2, camera.close).start()
            assert len(list(camera)) > 2

    def test_forgotten(self):
        camera = CameraSource(Webcam())
        camera.newest(1)
        del camera  # its thread ends, see the fixture

    def test_a_read_that_never_comes_back(self, monkeypatch, caplog):
        monkeypatch.setattr("easyseg.cameras.source._FAREWELL", 0.1)
        free = threading.Event()

        class Hanging:
            def read(self):
                free.wait()

        began = time.monotonic()
        with CameraSource(Hanging(), timeout=0.2) as camera:
            assert list(camera) == []
        assert time.monotonic() - began < 2
        assert "does not answer" in caplog.text
        free.set()
        time.sleep(0.1)


class TestFiles:
    @pytest.mark.parametrize("opened", [False, True])
    def test_a_file_plays_at_its_own_speed(self, clips, opened):
        path = clips("silent.mp4")
        source = cv2.VideoCapture(str(path)) if opened else path
        began = time.monotonic()
        with CameraSource(source) as camera:
            frames = list(camera)
        seconds = time.monotonic() - began
        assert 0.9 < seconds < 2.5
        assert len(frames) + camera.dropped == 30
        assert float(frames[-1].time) == pytest.approx(29 * 1001 / 30000, abs=0.02)
        assert [number(frame) for frame in frames] == [frame.index for frame in frames]

    @pytest.mark.slow
    def test_an_irregular_rate_is_kept(self, clips):
        with CameraSource(str(clips("variable.mp4"))) as camera:
            times = {frame.index: float(frame.time) for frame in camera}
        wanted = [n / 30 for n in (0, 1, 2, 6, 7, 20, 21, 40)]
        for index, moment in times.items():
            assert moment == pytest.approx(wanted[index], abs=0.001)

    @pytest.mark.slow
    def test_slow_use_drops_frames_and_does_not_lengthen_the_film(self, clips):
        began = time.monotonic()
        with CameraSource(clips("silent.mp4")) as camera:
            for _ in camera:
                time.sleep(0.2)
        assert time.monotonic() - began < 2
        assert camera.dropped > 15


class TestNetwork:
    def test_a_stream_that_stalls_dies_and_comes_back(self):
        with mjpeg_server(rate=50) as server, CameraSource(server.url, stall=0.3) as camera:
            frames = [camera.newest(2) for _ in range(3)]
            server.stalled.set()
            threading.Timer(0.8, server.stalled.clear).start()
            while camera.losses == 0:
                camera.newest(0.1)
            frames += [camera.newest(5) for _ in range(3)]
            assert server.connections >= 2
            server.die()
            threading.Timer(0.4, server.start).start()
            while camera.losses == 1:
                camera.newest(0.1)
            frames += [camera.newest(5) for _ in range(3)]
            assert None not in frames
            times = [frame.time for frame in frames]
            assert times == sorted(times)
            assert frames[-1].image.shape == (48, 64, 3)

    def test_one_that_stays_away_is_the_end(self, caplog):
        with mjpeg_server() as server, CameraSource(server.url, reconnect=0.6) as camera:
            assert camera.newest(2) is not None
            server.die()
            began = time.monotonic()
            list(camera)
            assert time.monotonic() - began < 3
            server.start()
        assert "did not come back" in caplog.text

    def test_closing_does_not_wait_for_a_stalled_server(self):
        with mjpeg_server() as server:
            with CameraSource(server.url, stall=1) as camera:
                camera.newest(2)
                server.stalled.set()
                time.sleep(0.2)
                began = time.monotonic()
            assert time.monotonic() - began < 2

    def test_no_server(self):
        with pytest.raises(MediaError, match="Is the address right"):
            CameraSource("http://me:secret@127.0.0.1:9/video")

    def test_a_password_is_not_told(self):
        assert captures.name_of("rtsp://me:secret@host/live/1") == "rtsp://host/live/1"

    def test_pictures_that_are_none(self):
        with mjpeg_server() as server:
            server._jpegs = [b"this is no picture"]
            with pytest.raises(MediaError, match=r"cannot be opened: it is silent"):
                CameraSource(server.url, stall=0.2)

    @pytest.mark.slow
    @pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg to send with")
    def test_udp(self, clips):
        url = "udp://127.0.0.1:23997"
        sender = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clips("silent.mp4")),
             "-c:v", "libx264", "-g", "10", "-tune", "zerolatency", "-f", "mpegts", url]
        )  # fmt: skip
        try:
            with CameraSource(url, timeout=8, max_frames=20) as camera:
                frames = list(camera)
        finally:
            sender.kill()
            sender.wait()
        assert len(frames) == 20
        assert 0.5 < float(frames[-1].time) < 3


class TestMistakes:
    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /dev")
    @pytest.mark.parametrize("source", [97, "97", Path("/dev/video97")])
    def test_a_camera_that_is_not_there(self, source, capfd):
        with pytest.raises(MediaError, match=r"97('?) is"):
            CameraSource(source)
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("source", [-1, True, 1.5, None, object()])
    def test_what_is_no_camera(self, source):
        with pytest.raises(InputError, match="a camera is an index"):
            CameraSource(source)

    def test_a_closed_capture(self):
        with pytest.raises(MediaError, match="is not open"):
            CameraSource(cv2.VideoCapture())

    @pytest.mark.parametrize("name", ["nothing.mp4", "none.mp4"])
    def test_files_that_are_none(self, clips, tmp_path, name):
        path = tmp_path / name
        if name == "none.mp4":
            path.write_bytes(b"hello")
        with pytest.raises(MediaError, match=name):
            CameraSource(path)

    @pytest.mark.parametrize(
        "options",
        [{"timeout": 0}, {"timeout": "1"}, {"max_frames": 0}, {"max_frames": True},
         {"reconnect": -1}, {"stall": 0}, {"stall": float("nan")}, {"color": "grey"}],
    )  # fmt: skip
    def test_options_that_make_no_sense(self, options):
        with pytest.raises(InputError):
            CameraSource(Webcam(), **options)


def test_leaving_python_with_an_open_camera():
    code = (
        "import time, numpy as np\n"
        "from easyseg.cameras.source import CameraSource\n"
        "class C:\n"
        "    def read(self): time.sleep(0.01); return np.zeros((4, 4, 3), np.uint8)\n"
        "camera = CameraSource(C())\n"
        "print(camera.newest(1).index)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdecimal()
