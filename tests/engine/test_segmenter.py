import pickle
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg import registry
from easyseg.engine import Segmenter, cached_segmenter, clear_cache, loader
from easyseg.errors import InputError, MediaError, ModelError
from easyseg.pictures import image as media


@pytest.fixture(scope="module")
def voc() -> Segmenter:
    return Segmenter("builtin", dataset="voc", device="cpu")


def test_it_finds_a_cat(voc: Segmenter, photographs: Path):
    result = voc(photographs / "chelsea.jpg")
    assert result.labels.shape == (300, 451)
    assert result.ratios["cat"] > 0.3
    assert result.model == "deeplabv3plus_mobilenet_v2_tensorflow.voc"
    assert result.source == str(photographs / "chelsea.jpg")
    stages = {"read", "preprocess", "network", "restore", "total"}
    assert stages <= set(result.timing)
    assert result.timing["total"] >= sum(v for k, v in result.timing.items() if k != "total")


def test_labels_are_the_argmax_of_the_upsampled_logits(voc: Segmenter, astronaut: np.ndarray):
    x, _ = voc.weights.preprocess(astronaut)
    logits = torch.nn.functional.interpolate(
        voc.logits(x), size=(512, 512), mode="bilinear", align_corners=True
    )
    expected = logits.argmax(1)[0].numpy()
    labels = voc(astronaut, tta=False).labels
    assert np.count_nonzero(labels != expected) <= 5  # ties in float32


def test_the_published_network_gives_the_same_logits(voc: Segmenter, astronaut: np.ndarray):
    """What is done at load time (folding, memory layout) does not show."""
    plain = voc.weights.build(21).eval()
    path = loader.built_in_file(voc.weights)
    plain.load_state_dict({k: v.float() for k, v in torch.load(path, weights_only=True).items()})
    x, _ = voc.weights.preprocess(astronaut)
    with torch.inference_mode():
        torch.testing.assert_close(voc.logits(x), plain(x), rtol=1e-3, atol=1e-3)


def test_one_answer_for_all_ways_to_give_a_picture(voc: Segmenter, photographs: Path):
    path = photographs / "chelsea.jpg"
    image = media.read(path)
    expected = voc(path).labels
    ways = [str(path), path.read_bytes(), image, torch.from_numpy(image.copy()).permute(2, 0, 1)]
    for source in ways:
        np.testing.assert_array_equal(voc(source).labels, expected)
    np.testing.assert_array_equal(voc(image[..., ::-1], color="bgr").labels, expected)


def test_a_list_gives_a_list_and_the_same_answers(voc: Segmenter, photographs: Path):
    paths = [photographs / "chelsea.jpg", photographs / "china.jpg"]
    together = voc(paths)
    assert [r.source for r in together] == [str(p) for p in paths]
    for one, result in zip(paths, together, strict=True):
        np.testing.assert_array_equal(voc(one).labels, result.labels)
    assert voc([]) == []


def test_confidence_when_asked_for(voc: Segmenter, photographs: Path):
    result = voc(photographs / "chelsea.jpg", confidence=True)
    assert result.confidence.shape == (300, 451)
    assert 1 / 21 <= result.confidence.min() <= result.confidence.max() <= 1
    with pytest.raises(InputError, match="confidence"):
        _ = voc(photographs / "chelsea.jpg").confidence


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (2, 2), (17, 300)])
def test_odd_sizes(voc: Segmenter, shape: tuple[int, int]):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert voc(image).labels.shape == shape


@pytest.mark.parametrize("output_stride", [8, 16])
def test_output_strides_agree_on_most_pixels(photographs: Path, voc: Segmenter, output_stride: int):
    other = Segmenter("builtin", dataset="voc", device="cpu", output_stride=output_stride)
    path = photographs / "chelsea.jpg"
    assert np.mean(other(path).labels == voc(path).labels) > 0.85


def test_size_and_precision(photographs: Path):
    small = Segmenter("builtin", dataset="voc", device="cpu", size=256, precision="bf16")
    assert small(photographs / "chelsea.jpg").ratios["cat"] > 0.3
    assert small.precision == "bf16"
    assert "precision='bf16'" in repr(small)


def test_several_threads(voc: Segmenter, photographs: Path):
    path = photographs / "chelsea.jpg"
    expected = voc(path).labels
    answers: list[np.ndarray] = []
    work = [threading.Thread(target=lambda: answers.append(voc(path).labels)) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(answers) == 4
    for labels in answers:
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"model": "fastest"}, "fast"),
        ({"model": 3}, "tier, a name or a path"),
        ({"dataset": "imagenet"}, "imagenet"),
        ({"model": "deeplabv3plus_resnet50.voc", "dataset": "ade20k"}, "leave dataset"),
        ({"size": 0, "dataset": "voc"}, "size must be"),
        ({"size": 10**9, "dataset": "voc"}, "size must be"),
        ({"model": "builtin", "output_stride": 7}, "output_stride"),
        ({"precision": "int3", "model": "builtin"}, "precision"),
        ({"backend": "tensorflow", "model": "builtin"}, "backend must be one of"),
        ({"device": "cuda:77"}, "not available"),
    ],
)
def test_wrong_arguments_are_said(keywords, message):
    with pytest.raises(InputError, match=message):
        Segmenter(**keywords)


def test_a_picture_that_cannot_be_read(voc: Segmenter, tmp_path: Path):
    with pytest.raises(MediaError, match=r"nothing\.jpg"):
        voc(tmp_path / "nothing.jpg")


@pytest.mark.parametrize("bad", [torch.zeros(3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)])
def test_logits_want_a_batch(voc: Segmenter, bad: torch.Tensor):
    with pytest.raises(InputError, match=r"\(N, 3, h, w\)"):
        voc.logits(bad)


def openmmlab_key(key: str) -> str:
    """What a key of our DeepLabV3+ is called in OpenMMLab's files."""
    for ours, theirs in (
        (r"^encoder\.stem\.(conv|norm)", r"encoder.conv1.\1"),
        (r"^encoder\.(layer\d\.\d)\.layers\.", r"encoder.\1.conv."),
        (r"^encoder\.", "backbone."),
        (r"^classifier\.", "decode_head.conv_seg."),
        (r"^context\.pool\.", "decode_head.image_pool.1."),
        (r"^context\.branches\.", "decode_head.aspp_modules."),
        (r"^context\.project\.", "decode_head.bottleneck."),
        (r"^low_level\.", "decode_head.c1_bottleneck."),
        (r"^decoder\.", "decode_head.sep_bottleneck."),
        (r"\.(depth|point)wise\.", r".\1wise_conv."),
        (r"\.norm\.", ".bn."),
    ):
        key = re.sub(ours, theirs, key)
    return key


class TestPaths:
    def test_own_file_is_recognised_by_its_keys(self, tmp_path: Path, photographs: Path):
        path = tmp_path / "mine.pt"
        source = loader.built_in_file(registry.resolve("builtin", "voc"))
        path.write_bytes(source.read_bytes())
        segmenter = Segmenter(path, device="cpu")
        assert segmenter.label_set.name == "voc"
        assert segmenter(photographs / "chelsea.jpg").ratios["cat"] > 0.3

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
    def test_a_damaged_file(self, tmp_path: Path, share: float):
        path = tmp_path / "cut.pt"
        whole = loader.built_in_file(registry.resolve("builtin", "voc")).read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelError, match=r"cut\.pt"):
            Segmenter(path)

    def test_a_foreign_file_says_what_differs(self, tmp_path: Path):
        path = tmp_path / "other.pt"
        torch.save({"conv.weight": torch.zeros(3)}, path)
        with pytest.raises(ModelError, match="no architecture"):
            Segmenter(path)
        state_dict = registry.resolve("builtin", "voc").build(21).state_dict()
        del state_dict["pool.conv.bias"]
        torch.save(state_dict, path)
        with pytest.raises(ModelError, match=r"resembles .*missing: pool\.conv\.bias"):
            Segmenter(path)

    def test_other_classes_in_the_layout_of_openmmlab(self, tmp_path: Path, astronaut: np.ndarray):
        record = registry.get("deeplabv3plus_mobilenet_v2.ade20k")
        path = tmp_path / "iter_80000.pth"
        torch.manual_seed(0)
        ours = record.build(7).state_dict()
        published = {openmmlab_key(key): tensor for key, tensor in ours.items()}
        torch.save({"meta": {"CLASSES": ["road"]}, "state_dict": published}, path)
        segmenter = Segmenter(path, device="cpu", size=64)
        assert segmenter.name == "deeplabv3plus_mobilenet_v2.7classes"
        assert segmenter.label_set.names == tuple(f"class {index}" for index in range(7))
        assert segmenter.weights.preprocess == record.preprocess
        assert segmenter.weights.metrics == {}
        assert segmenter.weights.urls == ()
        result = segmenter(astronaut)
        assert result.labels.shape == (512, 512)
        assert result.labels.max() < 7
        assert sum(result.ratios.values()) == pytest.approx(1)

    @pytest.mark.parametrize("num_classes", [21, 150, 7])
    def test_one_network_is_built_to_recognise_a_file(self, num_classes, monkeypatch):
        with torch.device("meta"):
            ours = registry.get("deeplabv3plus_resnet101.voc").build(num_classes).state_dict()
        builds: list[str] = []
        empty_module = loader._empty_module
        monkeypatch.setattr(
            loader,
            "_empty_module",
            lambda weights, *others: builds.append(weights.name) or empty_module(weights, *others),
        )
        published = {openmmlab_key(key): tensor for key, tensor in ours.items()}
        published["auxiliary_head.conv_seg.bias"] = torch.zeros(num_classes)
        recognised = loader.recognise(published, "own.pth")
        label_set = {21: "voc", 150: "ade20k", 7: "7classes"}[num_classes]
        assert recognised.name == f"deeplabv3plus_resnet101.{label_set}"
        assert recognised.num_classes == num_classes
        assert bool(recognised.metrics) == (num_classes != 7)
        assert len(builds) == 1

    def test_a_cut_file_resembles_its_own_network_most(self):
        with torch.device("meta"):
            ours = registry.get("deeplabv3plus_resnet101.voc").build(21).state_dict()
        published = {
            openmmlab_key(key): tensor
            for key, tensor in ours.items()
            if not key.startswith("encoder.layer3.2")
        }
        message = r"resembles deeplabv3plus_resnet101\.voc most: missing: encoder\.layer3\.2\."
        with pytest.raises(ModelError, match=message):
            loader.recognise(published, "cut.pth")

    def test_no_pickle_is_executed(self, tmp_path: Path):
        path = tmp_path / "evil.pt"
        target = tmp_path / "executed"
        torch.save({"state_dict": Evil(str(target))}, path)
        with pytest.raises(ModelError, match=r"evil\.pt"):
            Segmenter(path)
        assert not target.exists()

    def test_no_file(self, tmp_path: Path):
        with pytest.raises(ModelError, match="not there"):
            Segmenter(tmp_path / "none.pt")


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_evil_is_evil(tmp_path: Path):
    """The test above could not fail otherwise."""
    pickle.loads(pickle.dumps(Evil(str(tmp_path / "executed")))).close()
    assert (tmp_path / "executed").exists()


class TestCache:
    def test_a_model_is_loaded_once_also_by_threads(self):
        clear_cache()
        found: list[Segmenter] = []
        ask = lambda: found.append(cached_segmenter("builtin", dataset="voc"))  # noqa: E731
        work = [threading.Thread(target=ask) for _ in range(4)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert len({id(segmenter) for segmenter in found}) == 1

    def test_another_size_is_another_segmenter(self):
        one = cached_segmenter("builtin", dataset="voc")
        assert cached_segmenter("builtin", dataset="voc", size=256) is not one
        assert cached_segmenter("builtin", dataset="voc") is one

    def test_a_changed_file_is_loaded_again(self, tmp_path: Path):
        path = tmp_path / "mine.pt"
        source = loader.built_in_file(registry.resolve("builtin", "voc")).read_bytes()
        path.write_bytes(source)
        first = cached_segmenter(path)
        assert cached_segmenter(str(path)) is first
        path.write_bytes(source)
        import os

        os.utime(path, ns=(1, 1))
        assert cached_segmenter(path) is not first
