"""A network that needs no weights, and clips for it."""

from pathlib import Path

import pytest
from reds import RedIsAPerson, write_clip, write_waves


@pytest.fixture
def segmenter() -> RedIsAPerson:
    """The network."""
    return RedIsAPerson()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red square that moves before blue, with sound."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="session")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A background in three levels of grey."""
    return write_waves(tmp_path_factory.mktemp("waves") / "waves.mp4")
