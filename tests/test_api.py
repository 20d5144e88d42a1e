import inspect
from pathlib import Path

import numpy as np
import pytest

import easyseg
from easyseg import api
from easyseg.engine import clear_cache
from easyseg.errors import InputError, MediaError
from easyseg.labels import PASCAL_VOC
from easyseg.result import Segmentation

LABELS = np.array([[0, 0, 15], [0, 8, 15]], np.uint8)


class FakeSegmenter:
    """Finds the same in every picture."""

    label_set = PASCAL_VOC

    def __init__(self) -> None:
        self.calls: list[dict[str, object]] = []

    def __call__(self, source, **options):
        if isinstance(source, (list, tuple)):
            return [self(one, **options) for one in source]
        self.calls.append({"source": source, **options})
        return Segmentation(LABELS, PASCAL_VOC, np.zeros((2, 3, 3), np.uint8), "fake", {})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSegmenter:
    segmenter = FakeSegmenter()
    segmenter.asked = []

    def cached_segmenter(*arguments, **keywords):
        segmenter.asked.append((arguments, keywords))
        return segmenter

    monkeypatch.setattr(api, "cached_segmenter", cached_segmenter)
    return segmenter


def test_signature():
    assert [
        (p.name, p.default) for p in inspect.signature(easyseg.segment).parameters.values()
    ] == [
        ("source", inspect.Parameter.empty),
        ("dataset", None),
        ("model", "fast"),
        ("classes", None),
        ("color", "rgb"),
        ("confidence", False),
        ("max_pixels", 500_000_000),
        ("device", None),
        ("precision", "auto"),
        ("backend", "auto"),
        ("size", None),
        ("output_stride", None),
        ("tta", "auto"),
        ("tile", None),
        ("on_error", "raise"),
    ]
    kinds = {p.kind for p in list(inspect.signature(easyseg.segment).parameters.values())[1:]}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_every_option_reaches_the_segmenter(fake: FakeSegmenter):
    options = {
        "dataset": "voc", "device": "cpu", "precision": "fp32", "backend": "torch", "size": 256,
        "output_stride": 8,
    }  # fmt: skip
    how = {
        "color": "bgr",
        "confidence": True,
        "tta": True,
        "tile": 512,
        "on_error": "skip",
        "max_pixels": 10**6,
    }
    easyseg.segment("a.jpg", model="best", **how, **options)
    assert fake.asked == [(("best",), options)]
    assert fake.calls == [{"source": "a.jpg", **how}]


def test_classes_keep_only_these(fake: FakeSegmenter):
    result = easyseg.segment("a.jpg", classes=("person", 8))
    np.testing.assert_array_equal(result.labels, [[255, 255, 15], [255, 8, 15]])
    # An iterator is used up by the first look.
    results = easyseg.segment(["a.jpg", "b.jpg"], classes=iter(["cat"]))
    assert [list(one.ratios) for one in results] == [["cat"], ["cat"]]


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_pictures_give_a_list(fake: FakeSegmenter, kind: type):
    results = easyseg.segment(kind(["a.jpg", "b.jpg"]))
    assert isinstance(results, list)
    assert [call["source"] for call in fake.calls] == ["a.jpg", "b.jpg"]
    assert easyseg.segment(kind()) == []


def test_an_unknown_class_is_said_before_the_work(fake: FakeSegmenter):
    with pytest.raises(InputError, match="PASCAL VOC has no class named 'persn'"):
        easyseg.segment("a.jpg", classes="persn")
    assert fake.calls == []


class TestForReal:
    def test_a_photograph(self, photographs: Path):
        result = easyseg.segment(photographs / "chelsea.jpg", dataset="voc", model="builtin")
        assert result.ratios["cat"] > 0.3
        cat = easyseg.segment(
            photographs / "chelsea.jpg", dataset="voc", model="builtin", classes="cat"
        )
        np.testing.assert_array_equal(cat.mask("cat"), result.mask("cat"))
        assert list(cat.ratios) == ["cat"]

    def test_the_model_is_loaded_once(self, photographs: Path, monkeypatch: pytest.MonkeyPatch):
        from easyseg.engine import segmenter

        loads = []
        load = segmenter.open_network
        monkeypatch.setattr(
            segmenter, "open_network", lambda *a, **k: loads.append(a) or load(*a, **k)
        )
        clear_cache()
        for _ in range(2):
            easyseg.segment(photographs / "chelsea.jpg", dataset="voc", model="builtin")
        assert len(loads) == 1

    def test_what_is_not_there(self, tmp_path: Path):
        with pytest.raises(MediaError, match=r"none\.jpg"):
            easyseg.segment(tmp_path / "none.jpg", dataset="voc", model="builtin")
        with pytest.raises(InputError, match="imagenet"):
            easyseg.segment(tmp_path / "none.jpg", dataset="imagenet")
