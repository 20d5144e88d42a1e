"""What several tests share."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from easyseg.pictures import image as media

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# Which way a test takes must not depend on how many pictures were segmented before it.
os.environ.setdefault("EASYSEG_NUMBA", "0")

# Workers of pytest-xdist share the cores: more threads than cores only wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the user's cache folder out of it; processes that tests start inherit this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EASYSEG_HOME", str(tmp_path_factory.mktemp("home")))
        # What "auto" means must not depend on the processor either.
        patch.setattr("easyseg.engine.precision.has_native_bf16", lambda device: False)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared folder {SHARED.name!r} is not beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of sample photographs."""
    return ROOT / "examples" / "images"


@pytest.fixture
def astronaut(photographs: Path) -> np.ndarray:
    """A photograph of a person, RGB uint8 (512, 512, 3)."""
    return media.read(photographs / "astronaut.jpg")


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fails a test after which a thread of ours still runs."""
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and t.name.startswith("easyseg")]
    assert left == []
