"""One bad thing among many: raised and gone on after, or skipped and counted."""

from pathlib import Path

import numpy as np
import pytest

import easyseg
from easyseg import InputError
from easyseg.errors import EasysegWarning, MediaError
from easyseg.pictures.image import write

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
OPTIONS = {"model": "builtin", "backend": "torch", "size": 64}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, and between them an empty file and a broken video."""
    for name in ("a.png", "d.png"):
        write(tmp_path / name, PHOTO)
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.mp4").write_bytes(b"no video")
    return tmp_path


def names(results) -> list[str]:
    return [Path(result.source).name for result in results]


def test_a_stream_goes_on_after_an_error(folder: Path):
    stream = easyseg.stream(folder, **OPTIONS)
    assert names([next(stream)]) == ["a.png"]
    for bad in ("b.jpg", "c.mp4"):
        with pytest.raises(MediaError, match=bad):
            next(stream)
    assert names(stream) == ["d.png"]
    with pytest.raises(StopIteration):
        next(stream)


def test_a_stream_skips_and_counts(folder: Path):
    stream = easyseg.stream(folder, on_error="skip", **OPTIONS)
    with pytest.warns(EasysegWarning, match="skipped") as warned:
        assert names(stream) == ["a.png", "d.png"]
    assert [("b.jpg" in str(one.message), "c.mp4" in str(one.message)) for one in warned] == [
        (True, False),
        (False, True),
    ]
    assert stream.skipped == 2


def test_a_closed_stream_is_at_its_end(folder: Path):
    stream = easyseg.stream(folder, **OPTIONS)
    next(stream)
    stream.close()
    assert list(stream) == []


def test_lists(folder: Path):
    sources = [folder / "a.png", folder / "b.jpg", np.zeros((3, 3, 7)), PHOTO]
    with pytest.raises(MediaError, match=r"b\.jpg"):
        easyseg.segment(sources, **OPTIONS)
    with pytest.warns(EasysegWarning, match="skipped, [12] so far"):
        results = easyseg.segment(sources, on_error="skip", **OPTIONS)
    assert [result.source for result in results] == [str(folder / "a.png"), None]


def test_another_word():
    with pytest.raises(InputError, match="on_error"):
        easyseg.segment([PHOTO], on_error="ignore", **OPTIONS)
    with pytest.raises(InputError, match="on_error"):
        easyseg.stream([PHOTO], on_error="ignore", **OPTIONS)
