"""A segmenter that needs no network, for the tests of the command line."""

from pathlib import Path

import numpy as np
import pytest

from easyseg import engine
from easyseg.errors import ModelError
from easyseg.labels import ADE20K, PASCAL_VOC
from easyseg.pictures import image as media
from easyseg.result import Segmentation


class FakeSegmenter:
    """Finds wall (aeroplane in VOC) in the bright pixels, and class 0 elsewhere."""

    def __init__(self, label_set) -> None:
        self.label_set = label_set
        self.seen: list[object] = []

    def __call__(self, source, *, tta="auto", tile=None, max_pixels=10**9):
        self.seen.append(source)
        self.quality = (tta, tile)
        picture = media.read(source, max_pixels=max_pixels)
        labels = np.uint8(picture[..., 0] > 127)
        name = None if isinstance(source, bytes) else str(source)
        return Segmentation(labels, self.label_set, picture, "fake", {"total": 0.25}, name)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Puts a FakeSegmenter into the engine; gives what it was asked for, and the segmenter."""
    record: dict[str, object] = {}

    def cached_segmenter(model, **options):
        if model == "nonesuch":
            raise ModelError("there is no model 'nonesuch'")
        record["options"] = {"model": model, **options}
        record["segmenter"] = FakeSegmenter(PASCAL_VOC if options["dataset"] == "voc" else ADE20K)
        return record["segmenter"]

    monkeypatch.setattr(engine, "cached_segmenter", cached_segmenter)
    return record


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def photograph(path: Path, *, value: int = 200, size: tuple[int, int] = (30, 40)) -> Path:
    """Writes a picture whose left three quarters are bright."""
    picture = np.full((*size, 3), value, np.uint8)
    picture[:, 3 * size[1] // 4 :] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    media.write(path, picture)
    return path


@pytest.fixture
def photo():
    """The function that makes photographs."""
    return photograph
