"""Targets at every moment: the old file or the new one, whoever writes, however it ends."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from easyseg.errors import InputError, MediaError
from easyseg.export.tables import Table
from easyseg.files import PendingFile, check_target, guarding, marks, protect, scratch_folder
from easyseg.pictures.image import write
from easyseg.pipeline.recorder import LIVE
from easyseg.videos.frame_sinks import open_sink

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and locks as on Unix")
GREY = np.full((48, 64, 3), 90, np.uint8)


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def decoded(path: Path) -> int:
    """The number of frames of a video, none of which is damaged."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def old(tmp_path: Path):
    """Makes a good earlier file: a clip of 3 frames."""

    def make(name: str) -> Path:
        path = tmp_path / name
        with open_sink(path, LIVE) as sink:
            for number in range(3):
                sink.write(GREY, Fraction(number, 10))
        return path

    return make


WRITERS = {
    "picture.png": lambda path: write(path, GREY),
    "clip.mp4": lambda path: _write_clip(path),
    "clip.gif": lambda path: _write_clip(path),
    "table.csv": lambda path: _write_table(path),
}


def _write_clip(path: Path) -> None:
    with open_sink(path, LIVE) as sink:
        sink.write(GREY, Fraction(0))


def _write_table(path: Path) -> None:
    with Table(path, ("source",)) as table:
        table.add(("a",), {"wall": 1.0})


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_a_write_protected_file_is_left_alone(tmp_path: Path, name: str):
    target = tmp_path / name
    target.write_text("precious")
    target.chmod(0o444)
    with pytest.raises(MediaError, match="the file that is there is read-only"):
        WRITERS[name](target)
    assert target.read_text() == "precious"
    assert stat.S_IMODE(target.stat().st_mode) == 0o444
    assert names(tmp_path) == [name]


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_a_link_is_followed_and_permissions_stay(tmp_path: Path, name: str):
    real = tmp_path / "real"
    real.mkdir()
    (real / name).write_text("old")
    (real / name).chmod(0o640)
    link = tmp_path / name
    link.symlink_to(real / name)
    WRITERS[name](link)
    assert link.is_symlink()
    assert (real / name).read_bytes() != b"old"
    assert stat.S_IMODE((real / name).stat().st_mode) == 0o640
    assert names(real) == [name]


# What is interrupted while it is opened is closed by the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@posix
@pytest.mark.parametrize("name", [f"clip{end}" for end in (".mp4", ".mkv", ".webm", ".gif")])
def test_interrupted_at_any_line_the_file_is_the_old_or_a_whole_one(old, tmp_path, name: str):
    """A signal between two steps of the encoder must not leave a frame half-way."""
    path = old(name)
    before, count = path.read_bytes(), 0
    for at in range(1, 10_000, 7):
        finished = _interrupted_at(path, at)
        assert names(tmp_path) == [name]
        if path.read_bytes() != before:
            assert decoded(path) >= 1
            count += 1
            path.write_bytes(before)
        if finished:
            break
    assert count


def _interrupted_at(path: Path, at: int) -> bool:
    """Writes a clip and sends the signal at one line of the media rooms; True if none was left."""
    left = at

    def trace(frame, event, _argument):
        nonlocal left
        if "easyseg" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)
        return trace

    sink = open_sink(path, LIVE)
    sys.settrace(trace)
    try:
        with sink:
            for number in range(4):
                sink.write(noise(number), Fraction(number, 25))
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return left > 0


def _encode(path: str, number: int, frames: int) -> None:
    with open_sink(path, LIVE) as sink:
        for index in range(frames):
            sink.write(np.full((48, 64, 3), number, np.uint8), Fraction(index, 25))


def _tabulate(path: str, number: int, rows: int) -> None:
    with Table(path, ("source",)) as table:
        for _ in range(rows):
            table.add((number,), {"wall": 1.0})


@posix
@pytest.mark.parametrize(("name", "work"), [("o.mp4", _encode), ("o.gif", _encode),
                                            ("o.csv", _tabulate)])  # fmt: skip
def test_of_two_writers_the_last_one_has_it_whole(tmp_path: Path, name: str, work, monkeypatch):
    # Two containers have the same process ids.
    monkeypatch.setattr(os, "getpid", lambda: 1)
    context = multiprocessing.get_context("fork")
    target = str(tmp_path / name)
    processes = [context.Process(target=work, args=(target, n, 30 * n)) for n in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert names(tmp_path) == [name]
    if name.endswith(".csv"):
        rows = Path(target).read_text().splitlines()[1:]
        numbers = {row.split(",")[0] for row in rows}
        assert len(numbers) == 1
        assert len(rows) == 30 * int(numbers.pop())
    else:
        assert decoded(Path(target)) in (30, 60, 90)


SLOW = """
import sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from easyseg.export.coco import CocoWriter
from easyseg.files import scratch_folder
from easyseg.labels import ADE20K
from easyseg.videos.frame_sinks import open_sink
from easyseg.pipeline.recorder import LIVE
sink = open_sink(sys.argv[1] + "/o.mp4", LIVE)
for number in range(60):
    sink.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8),
               Fraction(number, 25))
coco = CocoWriter(Path(sys.argv[1], "coco.json"), ADE20K)
coco.add("a.jpg", np.zeros((9, 9), np.uint8))
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@posix
def test_what_a_killed_writer_leaves_goes_with_the_next_one(old, tmp_path: Path):
    old("o.mp4")
    before = (tmp_path / "o.mp4").read_bytes()
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        living = [name for name in names(tmp_path) if name.startswith(".easyseg-")]
        assert len(living) == 3
        write(tmp_path / "a.png", GREY)  # whoever lives keeps what is theirs
        assert set(living) <= set(names(tmp_path))
        process.send_signal(signal.SIGKILL)
    assert set(living) <= set(names(tmp_path))
    assert (tmp_path / "o.mp4").read_bytes() == before
    time.sleep(0.2)
    write(tmp_path / "a.png", GREY)
    assert names(tmp_path) == ["a.png", "o.mp4"]


@posix
def test_others_hidden_files_stay(tmp_path: Path):
    for name in (".easyseg-notes", ".easyseg-0123.part", "easyseg-0123456789abcdef.part", ".part"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / ".easyseg-0123456789abcdef.part").symlink_to(tmp_path / "elsewhere")
    before = names(tmp_path)
    write(tmp_path / "a.png", GREY)
    assert names(tmp_path) == sorted([*before, "a.png"])


def test_a_scratch_folder_goes_with_its_block(tmp_path: Path):
    with scratch_folder(tmp_path) as folder:
        (folder / "a").write_text("a")
    assert names(tmp_path) == []
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path):
        raise ZeroDivisionError
    assert names(tmp_path) == []


class TestTablesOfManyRows:
    def test_a_killed_one_has_whole_rows(self, tmp_path: Path):
        table = Table(tmp_path / "t.csv", ("source",))
        for number in range(5):
            table.add((number,), {"wall": 1.0})
        assert (tmp_path / "t.csv").read_text().endswith("4,wall,1.000000\n")
        table.close()
        assert names(tmp_path) == ["t.csv"]

    def test_a_row_that_finds_no_room_leaves_no_half(self, tmp_path: Path):
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        with Table(tmp_path / "t.csv", ("source",)) as table:
            table.add(("a",), {"wall": 1.0})
            whole = (tmp_path / "t.csv").read_text()
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 8, hard))
            try:
                with pytest.raises(MediaError, match="file too large"):
                    table.add(("a long name",), {"wall": 1.0})
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (tmp_path / "t.csv").read_text() == whole


class TestEarlierOutputs:
    @pytest.mark.parametrize("has_attributes", [True, False])
    def test_a_file_of_ours_until_it_is_changed(self, tmp_path, monkeypatch, has_attributes):
        monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
        if not has_attributes:
            monkeypatch.setattr(sys, "platform", "darwin")
        path = write(tmp_path / "a.png", GREY)
        (tmp_path / "b.png").write_bytes(path.read_bytes())
        with guarding([], overwrite=False):
            check_target(path)
            check_target(tmp_path / "new.png")
            with pytest.raises(InputError, match=r"no earlier result of easyseg.*--overwrite"):
                check_target(tmp_path / "b.png")
            path.write_bytes(path.read_bytes() + b"retouched")
            with pytest.raises(InputError, match="or was changed since"):
                check_target(path)
        with guarding([], overwrite=True):
            check_target(path)
        check_target(path)  # a program may

    def test_inputs_are_never_written(self, tmp_path: Path):
        path = write(tmp_path / "a.png", GREY)
        (tmp_path / "link.png").symlink_to(path)
        with guarding([path], overwrite=True):
            for name in ("a.png", "link.png", "../" + tmp_path.name + "/a.png"):
                with pytest.raises(InputError, match="is one of the inputs"):
                    check_target(tmp_path / name)
        with guarding([], overwrite=True):
            check_target(path)
            protect([path])
            with pytest.raises(InputError, match="is one of the inputs"):
                check_target(path)

    def test_the_list_is_kept_short(self, tmp_path: Path, monkeypatch):
        monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.setattr(marks, "_LONGEST", 2000)
        for number in range(100):
            path = write(tmp_path / f"{number}.png", GREY)
        assert (tmp_path / "home" / ".outputs").stat().st_size <= 2100
        assert marks.is_marked(path)


def test_room_that_is_reserved_is_given_back(tmp_path: Path):
    file = PendingFile(tmp_path / "a.txt")
    file.write(b"abc", reserve=100_000)
    file.write(b"def", reserve=100_000)
    file.complete()
    assert (tmp_path / "a.txt").read_bytes() == b"abcdef"
