from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg import checkpoints, registry
from easyseg.checkpoints import trained_file
from easyseg.checkpoints.trained_file import TrainedFile
from easyseg.engine import Segmenter
from easyseg.errors import ModelError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet

VOC = "deeplabv3plus_efficientnet_lite0.voc"
OWN = LabelSet.from_names(
    "weeds", ["soil", "crop", "weed"], [[9, 8, 7], [0, 255, 0], [255, 0, 0]], background=0
)


@pytest.fixture
def tensors() -> checkpoints.StateDict:
    torch.manual_seed(0)
    return registry.get(VOC).build(3).state_dict()


def described(label_set: LabelSet = OWN) -> TrainedFile:
    preprocess = registry.get(VOC).preprocess.with_size(96)
    return TrainedFile(VOC, label_set, preprocess, {"mIoU": 71.5})


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path: Path, tensors: checkpoints.StateDict, half: bool):
    path = trained_file.write(tmp_path / "weeds.pt", described(), tensors, half=half)
    found = trained_file.read(path)
    assert found is not None
    assert found.architecture == VOC
    assert found.label_set == OWN
    assert found.preprocess == described().preprocess
    assert found.metrics == {"mIoU": 71.5}
    stored = checkpoints.read(path)
    for key, tensor in tensors.items():
        expected = tensor.half().float() if half and tensor.is_floating_point() else tensor
        torch.testing.assert_close(stored[key], expected, rtol=0, atol=0)
    assert [one.name for one in tmp_path.iterdir()] == ["weeds.pt"]


def test_it_needs_no_code_to_be_read(tmp_path: Path, tensors: checkpoints.StateDict):
    path = trained_file.write(tmp_path / "weeds.pt", described(), tensors, half=True)
    content = torch.load(path, weights_only=True)
    assert content["classes"] == ["soil", "crop", "weed"]
    assert content["palette"] == [[9, 8, 7], [0, 255, 0], [255, 0, 0]]
    assert content["architecture"] == VOC


def test_the_segmenter_takes_classes_and_colours_from_it(
    tmp_path: Path, tensors: checkpoints.StateDict
):
    path = trained_file.write(tmp_path / "weeds.pt", described(), tensors, half=False)
    segmenter = Segmenter(path, device="cpu")
    assert segmenter.label_set == OWN
    assert segmenter.name == "deeplabv3plus_efficientnet_lite0.weeds"
    assert segmenter.weights.preprocess.size == 96
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    result = segmenter(image)
    assert set(result.ratios) <= set(OWN.names)
    colors = {tuple(color) for color in result.colorize().reshape(-1, 3).tolist()}
    assert colors <= {(9, 8, 7), (0, 255, 0), (255, 0, 0)}


@pytest.mark.parametrize("label_set", [PASCAL_VOC, ADE20K])
def test_known_classes_keep_their_synonyms(
    tmp_path: Path, tensors: checkpoints.StateDict, label_set: LabelSet
):
    path = trained_file.write(tmp_path / "own.pt", described(label_set), tensors, half=False)
    found = trained_file.read(path)
    assert found is not None
    assert found.label_set is label_set


def test_the_record(tmp_path: Path):
    record = described().weights
    assert record.num_classes == 3
    assert record.label_set == OWN
    assert record.build is registry.get(VOC).build
    assert (record.file, record.urls, record.tiers, record.first_class) == (None, (), (), 0)
    assert record.name not in registry.names()


def test_other_files_are_none_of_these(tmp_path: Path, tensors: checkpoints.StateDict):
    assert trained_file.read(tmp_path / "missing.pt") is None
    torch.save(tensors, tmp_path / "plain.pt")
    assert trained_file.read(tmp_path / "plain.pt") is None
    (tmp_path / "x.safetensors").write_bytes(b"\0" * 40)
    assert trained_file.read(tmp_path / "x.safetensors") is None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("easyseg_format", 2, "another version"),
        ("classes", None, "another version.*classes"),
        ("architecture", "net.voc", "no model is named 'net.voc'"),
        ("palette", [[1, 2]], "palette"),
        ("preprocess", {"mean": (0, 0, 0), "std": (1, 1, 1), "blur": 3}, "blur"),
        ("preprocess", {"mean": (0, 0, 0), "std": (1, 1, 1), "size": -1}, "size"),
    ],
)
def test_what_cannot_be_used(
    tmp_path: Path, tensors: checkpoints.StateDict, key: str, value: object, message: str
):
    path = trained_file.write(tmp_path / "own.pt", described(), tensors, half=False)
    content = torch.load(path, weights_only=True)
    if value is None:
        del content[key]
    else:
        content[key] = value
    torch.save(content, path)
    with pytest.raises(ModelError, match=message):
        trained_file.read(path)


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "state.pt"
    trained_file.save_whole({"a": 1}, path)

    def full(content: object, file: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        trained_file.save_whole({"a": 2}, path)
    assert torch.load(path, weights_only=True) == {"a": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("name", ["crop\x1b[31m", "crop\x07", "crop\ncrop", "\x9b2Jcrop"])
def test_names_that_a_terminal_takes_for_commands(
    tmp_path: Path, tensors: checkpoints.StateDict, name: str
):
    path = trained_file.write(tmp_path / "weeds.pt", described(), tensors, half=True)
    content = torch.load(path, weights_only=True)
    content["classes"][1] = name
    torch.save(content, path)
    with pytest.raises(ModelError, match="says about itself is damaged") as caught:
        Segmenter(path)
    assert str(caught.value).isprintable()


def test_names_of_tensors_are_no_commands_either(tmp_path: Path, tensors: checkpoints.StateDict):
    tensors["\x1b]0;title\x07"] = torch.zeros(1)
    path = trained_file.write(tmp_path / "weeds.pt", described(), tensors, half=True)
    with pytest.raises(ModelError, match="unknown: ") as caught:
        Segmenter(path)
    assert str(caught.value).isprintable()
