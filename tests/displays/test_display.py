"""Displays: which one it is, the page and who may see it, a real window, a real browser."""

import ctypes
import http.client
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import types
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from easyseg.displays import display, window
from easyseg.displays.display import KEYS, NoDisplay, open_display, with_status
from easyseg.displays.notebook import NotebookDisplay
from easyseg.displays.page import PageDisplay
from easyseg.displays.window import WindowDisplay, window_problem
from easyseg.errors import InputError, MediaError
from easyseg.pictures import image as media


def picture(value: int = 100, size=(60, 80)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


@pytest.fixture
def page():
    one = PageDisplay("a <title>", KEYS)
    yield one
    one.close()


class Viewer:
    """Reads the stream of a page as a browser does."""

    def __init__(self, page: PageDisplay) -> None:
        host, _, path = page.address.removeprefix("http://").partition("/")
        self.connection = http.client.HTTPConnection(host, timeout=5)
        self.connection.request("GET", f"/{path}stream")
        self.answer = self.connection.getresponse()
        assert self.answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        assert self.answer.readline() == b"--frame\r\n"

    def next(self) -> np.ndarray | None:
        length = 0
        while (line := self.answer.readline()) not in (b"\r\n", b""):
            if line.startswith(b"Content-Length"):
                length = int(line.split()[1])
        if not length:
            return None
        jpeg = self.answer.read(length)
        assert self.answer.readline() == b"\r\n"
        assert self.answer.readline() == b"--frame\r\n"
        return media.read(jpeg)

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


class TestChoice:
    def test_none(self):
        one = open_display("none", "x")
        one.show(picture())
        assert (type(one), one.pressed(), one.closed) == (NoDisplay, [], False)
        one.close()

    @pytest.mark.parametrize("kind", ["telly", "", None])
    def test_what_there_is_not(self, kind):
        with pytest.raises(InputError, match="auto, window, browser, none"):
            open_display(kind, "x")

    def test_a_page_where_there_is_no_screen(self, monkeypatch, caplog):
        monkeypatch.setattr(display, "window_problem", lambda: "there is no screen")
        told = []
        one = open_display("auto", "x", announce=told.append)
        assert told == [one.address]
        one.close()
        open_display("auto", "x").close()
        assert "the live picture is at http://127.0.0.1:" in caplog.text

    def test_a_window_by_name_where_there_is_none(self, monkeypatch):
        monkeypatch.setattr(display, "window_problem", lambda: "there is no screen")
        with pytest.raises(MediaError, match=r"no window: there is no screen\. display=.browser"):
            open_display("window", "x")

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about DISPLAY")
    def test_a_screen_that_is_not_set(self, monkeypatch):
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        assert "DISPLAY is not set" in window_problem()

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about DISPLAY")
    def test_a_screen_that_is_not_there_does_not_end_this_process(self, monkeypatch):
        monkeypatch.setenv("DISPLAY", ":987")
        assert "the screen cannot be used" in window_problem()

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about the probe")
    def test_an_opencv_without_windows(self, monkeypatch):
        monkeypatch.setenv("DISPLAY", ":987")
        # What opencv-python-headless says, word for word.
        said = "error: (-2:Unspecified error) The function is not implemented. Rebuild the library"
        monkeypatch.setattr(window, "_PROBE", f"import sys; sys.exit({said!r})")
        assert "opencv-python-headless" in window_problem()


class TestStatus:
    def test_it_is_in_the_corner_only(self):
        before = picture(size=(240, 320))
        after = with_status(before, ["14.9 fps", "71 ms"])
        changed = np.argwhere((before != after).any(axis=2))
        assert changed.max(axis=0)[0] < 40
        assert changed.max(axis=0)[1] < 200
        assert (before == 100).all()

    def test_what_does_not_fit_is_left_out(self):
        short = with_status(picture(size=(200, 130)), ["14.9 fps"])
        np.testing.assert_array_equal(
            with_status(picture(size=(200, 130)), ["14.9 fps", "long " * 20]), short
        )

    @pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3), (10, 10)])
    def test_a_picture_too_small_for_it(self, size):
        np.testing.assert_array_equal(with_status(picture(size=size), ["a"]), picture(size=size))


class TestPage:
    def test_the_page_itself(self, page):
        text = urllib.request.urlopen(page.address, timeout=5).read().decode()
        assert "<title>a &lt;title&gt;</title>" in text
        assert text.count("<button") == len(KEYS)

    def test_every_viewer_sees_the_newest_picture(self, page):
        page.show(picture(50))
        viewers = [Viewer(page), Viewer(page)]
        for viewer in viewers:
            assert viewer.next().mean() == pytest.approx(50, abs=2)
        for value in (60, 70, 200):
            page.show(picture(value))
        for viewer in viewers:
            while (seen := viewer.next().mean()) < 190:
                pass
            assert seen == pytest.approx(200, abs=2)
            viewer.close()

    def test_a_viewer_that_leaves_harms_nobody(self, page):
        page.show(picture())
        gone, stays = Viewer(page), Viewer(page)
        gone.next()
        stays.next()
        gone.close()
        for value in range(0, 200, 20):
            page.show(picture(value))
            assert stays.next() is not None
        stays.close()

    def test_closing_ends_the_streams(self, page):
        page.show(picture())
        viewer = Viewer(page)
        viewer.next()
        page.close()
        assert viewer.next() is None
        viewer.close()

    def test_a_still(self, page):
        threading.Timer(0.2, lambda: page.show(picture(90))).start()
        still = urllib.request.urlopen(f"{page.address}still", timeout=5).read()
        assert media.read(still).mean() == pytest.approx(90, abs=2)

    def test_large_pictures_are_made_smaller(self, page):
        page.show(picture(size=(2160, 3840)))
        viewer = Viewer(page)
        assert viewer.next().shape == (720, 1280, 3)
        viewer.close()

    def post(self, url: str, body: bytes) -> int:
        try:
            return urllib.request.urlopen(url, data=body, timeout=5).status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def test_keys(self, page):
        assert [self.post(f"{page.address}key", key) for key in (b"o", b"+", b" ")] == [204] * 3
        assert page.pressed() == ["o", "+", " "]
        assert page.pressed() == []
        assert self.post(f"{page.address}key", b"x") == 400
        assert self.post(f"{page.address}key", b"\xff") == 400
        assert self.post(f"{page.address}key", b"o" * 5000) == 404
        assert page.pressed() == []

    def test_who_does_not_know_the_secret_sees_nothing(self, page):
        address = page.address.rsplit("/", 2)[0]
        for path in ("/", "/stream", "/wrong/", "/wrong/stream"):
            with pytest.raises(urllib.error.HTTPError, match="404") as caught:
                urllib.request.urlopen(f"{address}{path}", timeout=5)
            caught.value.close()
        assert self.post(f"{address}/wrong/key", b"q") == 404
        assert page.pressed() == []

    def test_two_at_once(self, page):
        other = PageDisplay("b", KEYS)
        assert other.address != page.address
        other.close()
        other.close()


class TestNotebook:
    def test_the_cell_is_updated(self, monkeypatch):
        shown, updated = [], []
        ipython = types.ModuleType("IPython")
        ipython.get_ipython = lambda: types.SimpleNamespace(kernel=1)
        module = types.ModuleType("IPython.display")
        module.Image = lambda data, format: media.read(data)
        module.display = lambda one, display_id: (
            shown.append(one) or types.SimpleNamespace(update=updated.append)
        )
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", module)
        one = open_display("auto", "x")
        assert isinstance(one, NotebookDisplay)
        one.show(picture(size=(20, 2000)))
        one.show(picture())
        assert [image.shape for image in (*shown, *updated)] == [(10, 1000, 3), (60, 80, 3)]
        assert (one.pressed(), one.closed) == ([], False)
        one.close()


@pytest.fixture
def xvfb(monkeypatch):
    """A screen of its own."""
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1000x700x24"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = f":{pipe.readline().strip()}"
    monkeypatch.setenv("DISPLAY", number)
    yield number
    server.terminate()
    server.wait()


WINDOW = textwrap.dedent("""
    import time
    import numpy as np
    from easyseg.displays.display import open_display
    one = open_display("auto", "easyseg of a test")
    print(type(one).__name__, flush=True)
    end = time.monotonic() + 40
    while time.monotonic() < end and not one.closed:
        one.show(np.full((240, 320, 3), (200, 80, 20), np.uint8))
        for key in one.pressed():
            print("key", repr(key), flush=True)
        time.sleep(0.02)
    print("closed" if one.closed else "late", flush=True)
    one.close()
""")


def close_politely(display: str, number: int) -> None:
    """Presses the window's cross: there is no window manager here to do it."""
    x11 = ctypes.CDLL("libX11.so.6")
    pointer, word = ctypes.c_void_p, ctypes.c_ulong
    x11.XOpenDisplay.restype, x11.XInternAtom.restype = pointer, word
    x11.XInternAtom.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int]
    x11.XSendEvent.argtypes = [pointer, word, ctypes.c_int, ctypes.c_long, pointer]
    x11.XCloseDisplay.argtypes = [pointer]

    class Message(ctypes.Structure):
        _fields_ = [
            ("type", ctypes.c_int), ("serial", word), ("send_event", ctypes.c_int),
            ("display", pointer), ("window", word), ("message_type", word),
            ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24),
        ]  # fmt: skip

    connection = x11.XOpenDisplay(display.encode())
    atoms = [
        x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    ]
    message = Message(type=33, window=number, message_type=atoms[0], format=32)
    message.data[0] = atoms[1]
    x11.XSendEvent(connection, number, 0, 0, ctypes.byref(message))
    x11.XCloseDisplay(connection)


@pytest.mark.slow
def test_a_real_window(xvfb):
    with subprocess.Popen([sys.executable, "-c", WINDOW], stdout=subprocess.PIPE, text=True) as one:
        try:
            drive(one, xvfb)
        finally:
            one.kill()


def drive(process: subprocess.Popen[str], xvfb: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "WindowDisplay\n"
    search = ["xdotool", "search", "--sync", "--name", "easyseg of a test"]
    number = subprocess.run(search, capture_output=True, text=True, check=True, timeout=30).stdout
    number = number.split()[-1]
    subprocess.run(["xdotool", "windowfocus", number], check=True)
    names = ["q", "Escape", "space", "o", "l", "plus", "minus", "bracketleft", "bracketright",
             "s", "r", "O", "equal"]  # fmt: skip
    wanted = ["q", "q", " ", "o", "l", "+", "-", "[", "]", "s", "r", "o", "+"]
    got = []
    for name in names:  # one by one: OpenCV's window remembers no more than one key
        subprocess.run(["xdotool", "key", name], check=True)
        got.append(process.stdout.readline().strip())
    assert got == [f"key {key!r}" for key in wanted]
    if shutil.which("import"):
        command = ["import", "-window", "root", "png:-"]
        shot = subprocess.run(command, capture_output=True, check=True).stdout
        assert media.read(shot)[120, 160].tolist() == [200, 80, 20]  # red is red
    close_politely(xvfb, int(number))
    assert process.stdout.readline() == "closed\n"
    assert process.wait(timeout=20) == 0


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="no Xvfb to show it on")
def test_a_window_by_name(xvfb):
    assert isinstance(open_display("window", "x"), WindowDisplay)


@pytest.mark.slow
def test_a_real_browser(page, tmp_path: Path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    stop = threading.Event()

    def play():
        while not stop.wait(0.03):
            page.show(np.full((240, 320, 3), (200, 80, 20), np.uint8))

    player = threading.Thread(target=play)
    player.start()
    try:
        shot = tmp_path / "page.png"
        subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=800,600",
             "--timeout=4000", f"--screenshot={shot}", page.address],
            check=True, capture_output=True, timeout=90,
        )  # fmt: skip
    finally:
        stop.set()
        player.join()
    pixels = media.read(shot).reshape(-1, 3).astype(int)
    assert (np.abs(pixels - (200, 80, 20)).max(axis=1) < 6).sum() > 0.9 * 240 * 320
    time.sleep(0.1)
