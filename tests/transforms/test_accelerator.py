import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from obvious_way import computed_by, plain, smooth

from easyseg.transforms import accelerator, restore, winner_confidence

SEGMENT = """
import sys, threading
import torch
from easyseg.transforms import Geometry, accelerator, restore

logits, geometry = torch.randn(5, 8, 8), Geometry((40, 40), (40, 40), (40, 40))
for _ in range(int(sys.argv[1])):
    restore(logits, geometry)
while others := [one for one in threading.enumerate() if one is not threading.main_thread()]:
    others[0].join()
print("numba" in sys.modules, accelerator.RESTORING._module is not None)
"""


def segment(pictures: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SEGMENT, str(pictures)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, accelerator.SWITCH: "1"},
    )
    return done.stdout.strip()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As in a new process; gives the names of the threads that were started."""
    started: list[str] = []

    class Thread(threading.Thread):
        def start(self) -> None:
            started.append(self.name)

    monkeypatch.setattr(accelerator.RESTORING, "_module", None)
    monkeypatch.setattr(accelerator.RESTORING, "_pictures", 0)
    monkeypatch.setattr(accelerator.threading, "Thread", Thread)
    monkeypatch.delenv(accelerator.SWITCH, raising=False)
    return started


def test_numba_is_loaded_once_there_are_many_pictures(fresh: list[str]) -> None:
    for _ in range(accelerator.WORTH_LOADING):
        assert accelerator.RESTORING.get() is None
    assert fresh == []
    for _ in range(5):
        accelerator.RESTORING.get()
    assert fresh == ["easyseg-compiler"]


def test_numba_can_be_switched_off(fresh: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(accelerator.SWITCH, "0")
    for _ in range(accelerator.WORTH_LOADING + 5):
        assert accelerator.RESTORING.get() is None
    assert fresh == []


@pytest.mark.slow
def test_in_a_program_of_its_own() -> None:
    pytest.importorskip("numba")
    assert segment(accelerator.WORTH_LOADING) == "False False"
    assert segment(accelerator.WORTH_LOADING + 1) == "True True"


QUIT = (
    SEGMENT.rpartition("while others")[0]
    + """
import atexit
atexit.register(lambda: print("numba" in sys.modules))
"""
)


@pytest.mark.slow
def test_a_program_that_ends_does_not_wait_for_the_compiler(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    done = subprocess.run(
        [sys.executable, "-c", QUIT, str(accelerator.WORTH_LOADING + 1)],
        capture_output=True,
        text=True,
        env={**os.environ, accelerator.SWITCH: "1", "NUMBA_CACHE_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


def test_what_is_compiled_elsewhere_is_loaded_here(fresh: list[str]) -> None:
    accelerator.Kernels("easyseg.errors")._prepare()
    assert fresh == ["easyseg-kernels"]


def test_what_cannot_be_compiled_is_not_loaded(fresh: list[str]) -> None:
    accelerator.Kernels("easyseg.no_such_module")._prepare()
    assert fresh == []


@pytest.mark.parametrize("program", ["/opt/blender", "", None])
def test_a_program_with_python_inside_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setattr(accelerator.sys, "executable", program)
    monkeypatch.setattr(accelerator.subprocess, "run", None)
    assert accelerator._compile_elsewhere("easyseg.errors")


@pytest.mark.usefixtures("fresh")
def test_without_numba_plain_numpy_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    for name in ("compiled", "compiled_softmax"):
        monkeypatch.delitem(sys.modules, f"easyseg.transforms.{name}", raising=False)
    assert not accelerator.RESTORING.load()
    assert accelerator.RESTORING.get() is None


@pytest.mark.usefixtures("fresh")
def test_code_that_cannot_be_kept_on_disk_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    caching = pytest.importorskip("numba.core.caching")
    for name in ("compiled", "compiled_softmax"):
        monkeypatch.delitem(sys.modules, f"easyseg.transforms.{name}", raising=False)
    # No folder can be written to, neither that of the package nor the user's.
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert not accelerator.RESTORING.load()
    assert accelerator.RESTORING.get() is None


def test_many_threads_at_once() -> None:
    logits, geometry = smooth(20, 24, 32), plain((200, 300))
    expected = restore(logits, geometry)
    confidence = winner_confidence(logits, geometry, expected)
    with computed_by("numba"), ThreadPoolExecutor(6) as pool:
        for labels in pool.map(lambda _: restore(logits, geometry), range(30)):
            np.testing.assert_array_equal(labels, expected)
        for share in pool.map(lambda _: winner_confidence(logits, geometry, expected), range(6)):
            np.testing.assert_allclose(share, confidence, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_rows_are_shared_among_threads(
    count: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    done: list[int] = []
    lock = threading.Lock()

    def work(first: int, last: int) -> None:
        with lock:
            done.extend(range(first, last))

    accelerator.in_threads(work, count)
    assert sorted(done) == list(range(count))


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)

    def work(first: int, last: int) -> None:
        raise ValueError(f"{first} to {last}")

    with pytest.raises(ValueError, match="0 to 2"):
        accelerator.in_threads(work, 4)
