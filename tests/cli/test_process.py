"""What only shows in a process of its own: signals, pipes, encodings."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from easyseg.pictures import image as media

# The command line over a segmenter that needs no torch, so that a process starts quickly.
FAKE = """
import sys, time, types
import numpy as np
from easyseg.labels import ADE20K
from easyseg.pictures import image as media
from easyseg.result import Segmentation

class Fake:
    label_set = ADE20K
    def __call__(self, source, **options):
        time.sleep(0.02)
        picture = media.read(source)
        labels = np.zeros(picture.shape[:2], np.uint8)
        return Segmentation(labels, ADE20K, picture, "fake", {})

engine = types.ModuleType("easyseg.engine")
engine.cached_segmenter = lambda *arguments, **options: Fake()
sys.modules["easyseg.engine"] = engine
from easyseg.cli import main
sys.exit(main(sys.argv[1:]))
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")


def start(folder: Path, *arguments: str, **options) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", FAKE, *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


@pytest.fixture
def many(here: Path, photo) -> Path:
    """A folder with `in/` of many photographs."""
    data = photo(here / "in" / "0.png", size=(60, 80)).read_bytes()
    for number in range(1, 400):
        (here / "in" / f"{number}.png").write_bytes(data)
    return here


def test_ctrl_c_leaves_nothing_half_written(many: Path):
    process = start(many, "in", "-o", "out")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"out/0.png")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == b"easyseg: interrupted\n"
    written = sorted((many / "out").iterdir())
    assert 0 < len(written) < 400
    for path in written:
        assert path.suffix == ".png"
        assert media.read(path).shape == (60, 80, 3)


def test_a_reader_that_leaves(many: Path):
    process = start(many, "in", "-o", "out", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert len(list((many / "out").iterdir())) < 400


@pytest.mark.parametrize("arguments", [["-o", "-"], ["--json"]])
def test_a_reader_that_has_left(here: Path, photo, arguments: list[str]):
    photo(here / "a.png")
    process = start(here, "a.png", *arguments)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["--json"], ["-o", "-"]])
def test_a_full_disk_behind_the_standard_output(here: Path, photo, arguments: list[str]):
    photo(here / "a.png")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", FAKE, "a.png", *arguments],
            cwd=here, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"easyseg: error: ")
    assert b"No space left" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_closed_streams(here: Path, photo):
    photo(here / "a.png")
    command = [sys.executable, "-c", FAKE, "a.png"]
    closing = ["bash", "-c", '"$@" >&- 2>&- <&-', "bash", *command]
    assert subprocess.run(closing, cwd=here, check=False).returncode == 0
    assert (here / "a_segmented.png").exists()


def test_a_terminal_of_plain_ascii(here: Path, photo):
    photo(here / "fête.png")
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = start(here, "fête.png", env=environment)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"f\\xeate_segmented.png  wall 100.0 %")
    assert (here / "fête_segmented.png").exists()


def test_two_at_once_on_one_file(here: Path, photo):
    photo(here / "a.png", size=(400, 500))
    processes = [start(here, "a.png", "-o", "out.png") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert media.read(here / "out.png").shape == (400, 500, 3)
    assert sorted(path.name for path in here.iterdir()) == ["a.png", "out.png"]


def test_from_pipe_to_pipe_for_real(here: Path, photographs: Path):
    done = subprocess.run(
        [sys.executable, "-m", "easyseg", "-", "-o", "-", "--dataset=voc", "--model=builtin"],
        cwd=here, input=(photographs / "chelsea.jpg").read_bytes(), capture_output=True, check=True,
    )  # fmt: skip
    assert media.read(done.stdout).shape == (300, 451, 3)
    assert done.stderr == b""
    assert list(here.iterdir()) == []
