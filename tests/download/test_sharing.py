"""Several at once, processes that are killed, disks that refuse."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from easyseg import download
from easyseg.download import RemoteFile, files, progress
from easyseg.errors import DownloadError

BODY = bytes(range(256)) * 1000
PLACE = 131_072
NAME = "net.voc.pth"
ROOT = Path(download.__file__).parents[2]

FETCH = """
import sys
from pathlib import Path
from easyseg import download
started, url, sha256, size = sys.argv[1:]
Path(started).touch()
print(download.fetch(download.RemoteFile("net.voc.pth", (url,), sha256, int(size))))
"""


def start(started: Path, remote: RemoteFile) -> "subprocess.Popen[str]":
    """Fetches in a process of its own."""
    arguments = [str(started), remote.urls[0], remote.sha256, str(remote.size)]
    command = [sys.executable, "-c", FETCH, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


class Half:
    """Answers with the first half, and with the other one when it is released."""

    def __init__(self, server) -> None:
        self.release = threading.Event()
        server.answers["/net.pth"] = self
        self.url = server.url("/net.pth")

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.send_header("ETag", '"first"')
        handler.end_headers()
        handler.wfile.write(BODY[:PLACE])
        self.release.wait(60)
        handler.wfile.write(BODY[PLACE:])


def test_eight_processes_share_one_download(server, cache: Path, known, tmp_path: Path) -> None:
    half = Half(server)
    started = [tmp_path / f"started{index}" for index in range(8)]
    processes = [start(path, known(BODY, half.url)) for path in started]
    try:
        wait_until(lambda: all(path.exists() for path in started) and bool(server.requests))
        half.release.set()
        outputs = [process.communicate(timeout=60)[0] for process in processes]
    finally:
        half.release.set()
        for process in processes:
            process.kill()
    assert outputs == [f"{cache / NAME}\n"] * 8
    assert [process.returncode for process in processes] == [0] * 8
    assert server.ranges() == [None]
    assert (cache / NAME).read_bytes() == BODY


def test_eight_threads_share_one_download(server, cache: Path, known) -> None:
    half = Half(server)
    remote = known(BODY, half.url)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(download.fetch, remote) for _ in range(8)]
        wait_until(lambda: bool(server.requests))
        half.release.set()
        assert {future.result(60) for future in futures} == {cache / NAME}
    assert server.ranges() == [None]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_leaves_what_has_come(
    server, cache: Path, known, tmp_path: Path
) -> None:
    half = Half(server)
    remote = known(BODY, half.url)
    process = start(tmp_path / "started", remote)
    part = cache / f"{NAME}.part"
    try:
        wait_until(lambda: part.exists() and part.stat().st_size == PLACE)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        half.release.set()
    assert not (cache / NAME).exists()
    assert (cache / f"{NAME}.lock").exists()  # which is no obstacle
    server.publish("/net.pth", BODY)
    assert download.fetch(remote).read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={PLACE}-"]


def test_who_waits_is_told(server, cache: Path, known, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    half = Half(server)
    remote = known(BODY, half.url)
    monkeypatch.setattr("easyseg.download.fetching.say", lambda text, is_wanted: told.append(text))
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(download.fetch, remote) for _ in range(2)]
        wait_until(lambda: bool(told))
        half.release.set()
        assert {future.result(60) for future in futures} == {cache / NAME}
    assert told == [f"{NAME} is being fetched by another process: waiting"]


def test_lines_are_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    progress.say("hello", is_wanted=True)
    assert capsys.readouterr() == ("", "")


class TestByHand:
    @pytest.mark.parametrize("digits", [64, 8, 0])
    def test_a_right_file_is_copied(
        self, server, cache: Path, known, tmp_path: Path, digits: int
    ) -> None:
        (tmp_path / "mine").write_bytes(BODY)
        remote = known(BODY, server.url("/a"), digits=digits)
        assert download.adopt(remote, tmp_path / "mine") == cache / NAME
        assert download.fetch(remote).read_bytes() == BODY
        assert (tmp_path / "mine").read_bytes() == BODY
        assert server.requests == []

    @pytest.mark.parametrize("content", [BODY[::-1], BODY[:-1], b""])
    def test_a_wrong_one_changes_nothing(
        self, cache: Path, known, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "mine").write_bytes(BODY)
        download.adopt(known(BODY), tmp_path / "mine")
        (tmp_path / "mine").write_bytes(content)
        with pytest.raises(DownloadError, match=r"mine' is not net\.voc\.pth: it.*Fetch it again"):
            download.adopt(known(BODY), tmp_path / "mine")
        assert (cache / NAME).read_bytes() == BODY

    def test_none(self, cache: Path, known, tmp_path: Path) -> None:
        for file, message in ((tmp_path / "none", "cannot be read"), (tmp_path, "is a folder")):
            with pytest.raises(DownloadError, match=message):
                download.adopt(known(BODY), file)

    def test_the_cached_one(self, cache: Path, known) -> None:
        cache.mkdir(parents=True)
        (cache / NAME).write_bytes(BODY)
        assert download.adopt(known(BODY), cache / NAME).read_bytes() == BODY


def test_what_is_there_is_listed_and_removed(server, cache: Path, known, tmp_path: Path) -> None:
    assert download.listing() == []
    assert download.remove(known(BODY)) == 0
    assert not cache.exists()
    remote = known(BODY, server.publish("/a", BODY), digits=8)
    path = download.fetch(remote)
    assert download.is_cached(remote)
    assert not download.is_cached(known(BODY + b"more"))
    (cache / "other.pth.part").write_bytes(b"12345")
    (cache / "other.pth.part.json").write_text("{}", "utf-8")
    beside = len((cache / f"{NAME}.sha256").read_bytes())
    assert download.listing() == [
        download.CachedFile(path, len(BODY) + beside, is_complete=True),
        download.CachedFile(cache / "other.pth.part", 5, is_complete=False),
    ]
    assert download.remove(remote) == len(BODY) + beside
    assert not download.is_cached(remote)
    assert download.remove(known(BODY, name="other.pth")) == 7
    assert download.listing() == []


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 160 kB with the cache on it; only root on Linux can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("making a small disk needs root on Linux")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a disk")
    monkeypatch.setenv("EASYSEG_HOME", str(folder))
    try:
        yield download.weights_folder()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class TestDisk:
    def test_too_small_is_known_before(self, server, small_disk: Path, known, waits) -> None:
        url = server.publish("/a", BODY)
        with pytest.raises(DownloadError, match=r"needs 0\.3 MB more .* 0\.2 MB are free.*HOME"):
            download.fetch(known(BODY, url, has_size=False), patience=waits.patience)
        assert waits == []
        assert not (small_disk / f"{NAME}.part").exists()
        assert not (small_disk / NAME).exists()

    def test_full_on_the_way(self, server, small_disk: Path, known, waits) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(BODY)

        server.answers["/a"] = answer
        remote = known(BODY, server.url("/a"), has_size=False)
        with pytest.raises(DownloadError, match=r"the disk is full; make room, or set EASYSEG_HOM"):
            download.fetch(remote, patience=waits.patience)
        assert not (small_disk / NAME).exists()
        command = ["mount", "-o", "remount,size=1m", str(small_disk.parent)]
        subprocess.run(command, check=True)
        server.publish("/a", BODY)
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert server.ranges()[-1] is not None

    def test_a_file_by_hand_too_large(self, small_disk: Path, known, tmp_path: Path) -> None:
        (tmp_path / "mine").write_bytes(BODY)
        with pytest.raises(DownloadError, match=r"MB are free: make room"):
            download.adopt(known(BODY), tmp_path / "mine")

    def test_read_only(self, server, small_disk: Path, known, waits) -> None:
        good = known(BODY[:1000], server.publish("/a", BODY[:1000]))
        path = download.fetch(good)
        command = ["mount", "-o", "remount,ro", str(small_disk.parent)]
        subprocess.run(command, check=True)
        files._checked.clear()  # as in another process
        assert download.fetch(good) == path
        other = known(BODY[:99], server.publish("/b", BODY[:99]), name="other.pth")
        message = r"other\.pth in the cache folder .*[Rr]ead-only.*EASYSEG_HOME"
        with pytest.raises(DownloadError, match=message):
            download.fetch(other, patience=waits.patience)
        with pytest.raises(DownloadError, match=r"[Rr]ead-only"):
            download.remove(good)
        assert path.read_bytes() == BODY[:1000]

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
    )
    def test_no_permission(self, server, cache: Path, known) -> None:
        cache.mkdir(parents=True, mode=0o500)
        with pytest.raises(DownloadError, match=r"[Pp]ermission.*EASYSEG_HOME"):
            download.fetch(known(BODY, server.publish("/a", BODY)))

    def test_the_cache_is_a_file(
        self, server, known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "file"))
        with pytest.raises(DownloadError, match="EASYSEG_HOME"):
            download.fetch(known(BODY, server.publish("/a", BODY)))
