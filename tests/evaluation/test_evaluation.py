import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from easyseg.datasets import Dataset, Item, open_dataset
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.evaluation import evaluate, measuring
from easyseg.evaluation.measuring import averaged_labels
from easyseg.labels import PASCAL_VOC, LabelSet
from easyseg.pictures.image import read, write
from easyseg.transforms import Preprocess

OWN = LabelSet.from_names("own", ["ground", "left", "right"])


@dataclass
class Answer:
    labels: np.ndarray


class FakeSegmenter:
    """Says of each pixel what its red value is."""

    name = "fake"
    label_set = OWN

    def takes_views(self, tta: bool | str) -> bool:
        return tta is True

    def __call__(self, image: np.ndarray, *, tta: bool) -> Answer:
        return Answer(image[..., 0].copy())


def dataset(*pairs: tuple[list[list[int]], list[list[int]]], classes: LabelSet | None = OWN):
    """A data set of (truth, answer) pairs."""
    items = []
    for number, (truth, answer) in enumerate(pairs):
        image = np.repeat(np.array(answer, np.uint8)[..., None], 3, axis=-1)
        labels = np.array(truth, np.uint8)
        items.append(Item(f"p{number}", partial(np.copy, image), partial(np.copy, labels)))
    return Dataset("two rows", tuple(items), classes)


TWO = (
    ([[0, 0, 1, 255]], [[0, 1, 1, 2]]),
    ([[2, 2], [1, 0]], [[2, 1], [1, 0]]),
)


class TestScores:
    def test_by_hand(self):
        """Counts are summed over both pictures first; the void pixel does not count."""
        result = evaluate(dataset(*TWO), model=FakeSegmenter())
        np.testing.assert_array_equal(result.scores.confusion, [[2, 1, 0], [0, 2, 0], [0, 1, 1]])
        np.testing.assert_allclose(result.scores.class_iou, [2 / 3, 2 / 4, 1 / 2])
        assert result.mean_iou == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
        assert result.pixel_accuracy == pytest.approx(5 / 7)
        assert result.mean_accuracy == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
        assert (result.images, result.model, result.data) == (2, "fake", "two rows")

    def test_json_and_table(self):
        result = evaluate(dataset(*TWO), model=FakeSegmenter())
        facts = json.loads(json.dumps(result.to_dict()))
        assert facts["mean_iou"] == pytest.approx(5 / 9)
        assert facts["scales"] == [1.0]
        assert facts["classes"][1] == {
            "id": 1, "name": "left", "iou": 0.5, "accuracy": 1.0, "pixels": 2,
        }  # fmt: skip
        lines = result.table().splitlines()
        assert lines[2].split() == ["left", "50.00", "100.00"]
        assert lines[-2].split() == ["mean", "55.56", "72.22"]
        assert lines[-1].split() == ["pixel", "accuracy", "71.43"]
        assert len({len(line) for line in lines[1:4]}) == 1

    def test_only_the_first(self):
        assert evaluate(dataset(*TWO), model=FakeSegmenter(), limit=1).images == 1
        with pytest.raises(InputError, match="limit"):
            evaluate(dataset(*TWO), model=FakeSegmenter(), limit=0)

    def test_a_class_that_occurs_nowhere(self):
        result = evaluate(dataset(([[0, 1]], [[0, 1]])), model=FakeSegmenter())
        assert result.mean_iou == 1
        assert "right" not in result.table()
        assert result.to_dict()["classes"][2]["iou"] is None


class TestClasses:
    def test_the_models_where_the_data_bring_none(self):
        data = dataset(*TWO, classes=None)
        assert evaluate(data, model=FakeSegmenter()).mean_iou == pytest.approx(5 / 9)
        data = dataset(([[0, 7]], [[0, 1]]), classes=None)
        with pytest.raises(InputError, match=r"ids \[7\]"):
            evaluate(data, model=FakeSegmenter())

    def test_other_classes(self):
        with pytest.raises(InputError, match=r"21 classes of PASCAL VOC.*'fake' the 3"):
            evaluate(dataset(*TWO, classes=PASCAL_VOC), model=FakeSegmenter())

    def test_a_tier_needs_to_know_the_data_set(self):
        with pytest.raises(InputError, match="give dataset='voc'"):
            evaluate(dataset(*TWO), model="fast")

    @pytest.mark.parametrize("scales", [(), (0.0,), ("a",), 1.0, (100.0,)])
    def test_scales(self, scales: object):
        with pytest.raises(InputError, match="scales must be numbers"):
            evaluate(dataset(*TWO), model=FakeSegmenter(), scales=scales)


@pytest.fixture(scope="module")
def voc() -> Segmenter:
    return Segmenter("builtin", dataset="voc", device="cpu", size=128)


@pytest.fixture(scope="module")
def cat(photographs: Path) -> np.ndarray:
    return read(photographs / "chelsea.jpg")


@pytest.fixture(scope="session")
def photographs() -> Path:
    return Path(__file__).parents[2] / "examples" / "images"


class TestViews:
    def naive(self, segmenter: Segmenter, image: np.ndarray, size: int, sides: list[int]):
        """All views at full size, the textbook way."""
        total = 0.0
        for side in sides:
            preprocess = segmenter.weights.preprocess.with_size(side)
            for mirrored in (False, True):
                x, _ = preprocess(image[:, ::-1] if mirrored else image)
                logits = segmenter.logits(x)
                logits = F.interpolate(logits, image.shape[:2], mode="bilinear", align_corners=True)
                probability = logits.softmax(1)
                total = total + (probability.flip(-1) if mirrored else probability)
        return total.argmax(1)[0].numpy()

    @pytest.mark.parametrize("block", [1, 1 << 18, 1 << 30])
    def test_the_mean_of_all_views(
        self, voc: Segmenter, cat: np.ndarray, block: int, monkeypatch: pytest.MonkeyPatch
    ):
        """Whatever the number of rows at once, and for a photograph of odd sides."""
        monkeypatch.setattr(measuring, "BLOCK_BYTES", block)
        image = cat[:149, :201] if block == 1 else cat
        answer = averaged_labels(voc, image, scales=(1.0, 1.5), flip=True, size=128)
        expected = self.naive(voc, image, 128, [128, 192])
        assert np.count_nonzero(answer != expected) <= 3  # ties in float32

    def test_one_view_is_the_segmenters_own_answer(self, voc: Segmenter, cat: np.ndarray):
        answer = averaged_labels(voc, cat, size=128)
        assert np.count_nonzero(answer != voc(cat, tta=False).labels) <= 3

    def test_where_nothing_is_said_a_model_is_measured_as_it_is_called(
        self, voc: Segmenter, cat: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ):
        data = dataset(([[0, 0]], [[0, 0]]), classes=voc.label_set)
        monkeypatch.setattr(Segmenter, "affords_mirrored", True)
        seen: list[torch.Tensor] = []
        network = voc._network
        monkeypatch.setattr(voc, "_network", lambda x: seen.append(x) or network(x))
        for options, flip, views in (
            ({}, True, 2), ({"flip": False}, False, 1), ({"flip": True}, True, 2),
            ({"scales": (0.5, 1.0)}, False, 2),
        ):  # fmt: skip
            seen.clear()
            result = evaluate(data, model=voc, **options)
            assert (result.flip, len(seen)) == (flip, views), options

    @pytest.mark.parametrize("shape", [(1, 1), (1, 400), (300, 2)])
    def test_odd_sizes(self, voc: Segmenter, shape: tuple[int, int]):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        assert averaged_labels(voc, image, scales=(0.5, 1.0), flip=True, size=128).shape == shape

    def test_every_rule_of_resizing_and_padding(self, voc: Segmenter, cat: np.ndarray):
        """A symmetric picture has a symmetric answer, whatever lies around it."""

        class Padded:
            device = voc.device
            label_set = voc.label_set
            weights = replace(
                voc.weights,
                preprocess=Preprocess(
                    mean=(127.0,) * 3, std=(128.0,) * 3, scale=1.0, resize="short_side", size=160,
                    max_size=300, divisor=32, square=True,
                ),
            )  # fmt: skip

            def logits(self, x: torch.Tensor) -> torch.Tensor:
                assert x.shape[2] == x.shape[3]
                assert x.shape[2] % 32 == 0
                return voc.logits(x)

        image = np.concatenate([cat, cat[:, ::-1]], axis=1)
        answer = averaged_labels(Padded(), image, scales=(0.8, 1.0), flip=True)
        assert np.mean(answer != answer[:, ::-1]) < 0.001
        assert len(np.unique(answer)) > 1


class TestFiles:
    def test_a_folder_with_the_built_in_model(self, cat: np.ndarray, tmp_path: Path):
        """The model's own answer as truth: everything is right."""
        segmenter = Segmenter("builtin", dataset="voc", device="cpu", size=128)
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir()
        write(tmp_path / "images" / "cat.png", cat)
        write(tmp_path / "masks" / "cat.png", segmenter(cat).labels)
        keywords = {"model": "builtin", "device": "cpu", "size": 128}
        result = evaluate(tmp_path, dataset="voc", **keywords)
        assert result.mean_iou == result.pixel_accuracy == 1
        assert result.model == "deeplabv3plus_mobilenet_v2_tensorflow.voc"
        (tmp_path / "classes.txt").write_text("\n".join(PASCAL_VOC.names))
        named = "deeplabv3plus_mobilenet_v2_tensorflow.voc"
        assert evaluate(tmp_path, **{**keywords, "model": named}, progress=True).mean_iou == 1

    def test_the_data_set_of_a_tier_follows_from_the_data(self, cat: np.ndarray, tmp_path: Path):
        root = tmp_path / "VOC2012"
        lists = root / "ImageSets" / "Segmentation"
        for folder in (root / "JPEGImages", root / "SegmentationClass", lists):
            folder.mkdir(parents=True)
        write(root / "JPEGImages" / "a.jpg", cat)
        write(root / "SegmentationClass" / "a.png", np.full(cat.shape[:2], 8, np.uint8))
        (lists / "val.txt").write_text("a")
        result = evaluate(tmp_path, model="builtin", device="cpu", size=128)
        assert result.model.endswith(".voc")
        assert result.scores.confusion[8, 8] > 0


@pytest.mark.shared
@pytest.mark.slow
def test_the_published_figures_of_the_built_in_model(shared: Path):
    data = open_dataset(shared / "data" / "voc-val-dev-0.tar", label_set="voc")
    model = Segmenter("builtin", dataset="voc", device="cpu")
    result = evaluate(data, model=model)
    assert result.images == 161
    assert 100 * result.mean_iou == pytest.approx(model.weights.metrics["mIoU"], abs=0.1)
    published = model.weights.metrics["pixel accuracy"]
    assert 100 * result.pixel_accuracy == pytest.approx(published, abs=0.1)
