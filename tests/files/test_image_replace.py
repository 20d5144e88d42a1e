"""How write() replaces a file, and what stays when it fails."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest

from easyseg.errors import MediaError
from easyseg.pictures import image

NOISE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PICTURE = cv2.resize(NOISE, (60, 40), interpolation=cv2.INTER_CUBIC)


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")
    image.write(str(path), PICTURE)
    np.testing.assert_array_equal(image.read(path), PICTURE)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions as on Unix")
def test_permissions(tmp_path):
    old = os.umask(0o027)
    try:
        path = image.write(tmp_path / "a.png", PICTURE)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    image.write(path, PICTURE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "a.png"
    target.write_text("old")
    link = tmp_path / "link.png"
    link.symlink_to(target)
    image.write(link, PICTURE)
    assert link.is_symlink()
    np.testing.assert_array_equal(image.read(target), PICTURE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_device_is_left_alone(tmp_path):
    link = tmp_path / "a.png"
    link.symlink_to("/dev/full")
    with pytest.raises(MediaError, match="a device or a pipe"):
        image.write(link, PICTURE)
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def check_old_file_alone(folder):
    assert [path.name for path in folder.iterdir()] == ["a.png"]
    assert (folder / "a.png").read_text() == "old"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.png").write_text("old")
    return tmp_path


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("moment", ["open", "replace"])
def test_an_interruption_leaves_the_old_file(error, moment, folder, monkeypatch):
    original = getattr(Path, moment)

    def interrupted(self, *args):
        if moment == "open":
            original(self, *args).close()
        raise error

    monkeypatch.setattr(Path, moment, interrupted)
    with pytest.raises(error):
        image.write(folder / "a.png", PICTURE)
    monkeypatch.undo()
    check_old_file_alone(folder)


def test_a_write_that_stops_half_way_leaves_the_old_file(folder):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(MediaError, match=r"a\.png: file too large"):
            image.write(folder / "a.png", np.resize(NOISE, (40, 60, 3)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check_old_file_alone(folder)


@contextlib.contextmanager
def mounted(folder, *options):
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a disk as on Linux")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    with mounted(tmp_path, "-o", "size=64k"):
        (tmp_path / "a.png").write_text("old")
        noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
        with pytest.raises(MediaError, match="no space left on device; free some space"):
            image.write(tmp_path / "a.png", noise)
        check_old_file_alone(tmp_path)
        image.write(tmp_path / "a.png", PICTURE)
        np.testing.assert_array_equal(image.read(tmp_path / "a.png"), PICTURE)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a disk as on Linux")
def test_a_read_only_disk(tmp_path):
    with mounted(tmp_path):
        (tmp_path / "a.png").write_text("old")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        with pytest.raises(MediaError, match=r"a\.png: the file that is there is read-only"):
            image.write(tmp_path / "a.png", PICTURE)
        with pytest.raises(MediaError, match=r"b\.png: read-only file system; choose another"):
            image.write(tmp_path / "b.png", PICTURE)
        check_old_file_alone(tmp_path)


@pytest.fixture
def nobody():
    """A folder that anybody may reach, and for root the life of an ordinary user."""
    if os.name != "posix":
        pytest.skip("permissions as on Unix")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.png").write_text("old")
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


def test_a_read_only_folder(nobody):
    with pytest.raises(MediaError, match=r"b\.png: permission denied; change the permissions"):
        image.write(nobody / "b.png", PICTURE)
    check_old_file_alone(nobody)


def test_a_read_only_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *args: False)  # as for others than root
    with pytest.raises(MediaError, match="the file that is there is read-only"):
        image.write(path, PICTURE)
    check_old_file_alone(tmp_path)


def test_the_error_of_the_system_is_the_cause(folder, monkeypatch):
    def fail(self, target):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(MediaError, match=r"a\.png: input/output error$") as caught:
        image.write(folder / "a.png", PICTURE)
    assert caught.value.__cause__.errno == errno.EIO
    monkeypatch.undo()
    check_old_file_alone(folder)


# More than one process

WRITER = """
    import sys
    import numpy as np
    from easyseg.pictures import image
    picture = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    picture[0, 0] = int(sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[3])):
        image.write(sys.argv[1], picture)
"""


@contextlib.contextmanager
def writer(path, value, times):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(value), str(times)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


def test_two_processes_write_the_same_file(tmp_path):
    path = tmp_path / "a.png"
    with writer(path, 1, 30) as first, writer(path, 2, 30) as second:
        for process in (first, second):
            process.stdin.write("go\n")
            process.stdin.flush()
        seen = set()
        while first.poll() is None or second.poll() is None:
            if path.exists():
                seen.add(int(image.read(path)[0, 0, 0]))
        assert (first.returncode, second.returncode) == (0, 0)
    assert seen | {int(image.read(path)[0, 0, 0])} <= {1, 2}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
def test_ctrl_c(tmp_path):
    path = tmp_path / "a.png"
    with writer(path, 1, 1_000_000) as process:
        process.stdin.write("go\n")
        process.stdin.flush()
        while not path.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.stderr.read()
    assert process.returncode != 0
    assert image.read(path)[0, 0, 0] == 1
    assert list(tmp_path.iterdir()) == [path]
