import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg import registry
from easyseg.engine import conversion, exporting
from easyseg.engine.exporting import export
from easyseg.errors import InputError, ModelError
from easyseg.labels import PASCAL_VOC

VOC = "deeplabv3plus_mobilenet_v2_tensorflow.voc"


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that all packages are there."""
    monkeypatch.setattr(conversion, "need", lambda kind: None)


@pytest.fixture
def fake(complete: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Writes the network as TorchScript would be read; `wrong` is added to its answer."""
    seen: dict[str, object] = {"wrong": 0.0}

    def write(module, path, size, metadata, dynamic):
        seen.update(module=module, size=size, metadata=metadata, dynamic=dynamic)
        path.write_bytes(b"network")
        path.with_suffix(".bin").write_bytes(b"numbers")

    def answer(path, x):
        with torch.inference_mode():
            return seen["module"](torch.from_numpy(x)).numpy() + seen["wrong"]

    monkeypatch.setattr(exporting, "_write_onnx", write)
    monkeypatch.setattr(exporting, "_write_openvino", write)
    monkeypatch.setattr(exporting, "_answer", answer)
    return seen


class TestAroundTheWriter:
    def test_the_file_appears_when_the_answer_is_right(self, fake, tmp_path: Path):
        result = export(VOC, tmp_path / "out.onnx", size=(64, 96))
        assert result == exporting.Exported(tmp_path / "out.onnx", (64, 96), False, 0.0)
        assert [one.name for one in tmp_path.iterdir()] == ["out.onnx"]
        metadata = fake["metadata"]
        assert json.loads(metadata["easyseg_classes"]) == list(PASCAL_VOC.names)
        assert json.loads(metadata["easyseg_preprocess"])["mean"] == [0.5, 0.5, 0.5]
        assert metadata["easyseg_model"] == VOC

    def test_openvino_has_two_files(self, fake, tmp_path: Path):
        export(VOC, tmp_path / "out.xml", size=(64, 64))
        assert sorted(one.name for one in tmp_path.iterdir()) == ["out.bin", "out.xml"]

    @pytest.mark.parametrize("wrong", [1.0, float("nan")])
    def test_a_wrong_answer_leaves_nothing(self, fake, tmp_path: Path, wrong: float):
        fake["wrong"] = wrong
        (tmp_path / "out.onnx").write_bytes(b"old")
        with pytest.raises(ModelError, match="differs from torch's"):
            export(VOC, tmp_path / "out.onnx", size=(64, 64))
        assert (tmp_path / "out.onnx").read_bytes() == b"old"
        assert len(list(tmp_path.iterdir())) == 1

    def test_the_size_is_the_models_own(self, fake, tmp_path: Path, monkeypatch):
        record = registry.get(VOC)
        small = replace(record, preprocess=record.preprocess.with_size(72))
        monkeypatch.setitem(registry._RECORDS, VOC, small)
        assert export(VOC, tmp_path / "out.onnx").size == (72, 72)

    def test_outputs_begin_with_the_first_class(self, fake, tmp_path: Path, monkeypatch):
        monkeypatch.setitem(registry._RECORDS, VOC, replace(registry.get(VOC), first_class=1))
        export(VOC, tmp_path / "out.onnx", size=(64, 64))
        assert fake["module"](torch.zeros(1, 3, 64, 64)).shape == (1, 20, 16, 16)

    def test_any_size_is_checked_at_another_size(self, fake, tmp_path: Path, monkeypatch):
        shapes = []
        original = exporting._answer
        monkeypatch.setattr(
            exporting, "_answer", lambda path, x: shapes.append(x.shape) or original(path, x)
        )
        export(VOC, tmp_path / "out.onnx", size=(64, 64), dynamic=True)
        assert shapes == [(1, 3, 64, 64), (2, 3, 63, 65)]

    @pytest.mark.parametrize(
        ("name", "keywords", "message"),
        [
            ("out.pt", {}, r"end in \.onnx, or \.xml"),
            ("none/out.onnx", {}, "no folder"),
            ("out.xml", {"dynamic": True}, "fixed size"),
            ("out.onnx", {"size": (64, 7)}, "size must be"),
            ("out.onnx", {"size": (64, 64.0)}, "size must be"),
            ("out.onnx", {"output_stride": 5}, "output_stride"),
        ],
    )
    def test_wrong_arguments(self, complete, tmp_path: Path, name, keywords, message):
        with pytest.raises(InputError, match=message):
            export(VOC, tmp_path / name, **keywords)


@pytest.mark.parametrize(("name", "package"), [("out.onnx", "onnx"), ("out.xml", "openvino")])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch, name: str, package: str):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=rf"pip install {package}"):
        export(VOC, tmp_path / name)


def sine(*shape: int) -> np.ndarray:
    return np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def test_onnx(tmp_path: Path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    result = export(VOC, tmp_path / "out.onnx", size=(64, 96))
    assert result.difference < 1e-4
    import onnx

    proto = onnx.load(result.path)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(metadata["easyseg_classes"]) == list(PASCAL_VOC.names)
    assert exporting._answer(result.path, sine(1, 3, 64, 96)).shape == (1, 21, 16, 24)


def test_openvino(tmp_path: Path):
    pytest.importorskip("openvino")
    result = export(VOC, tmp_path / "out.xml", size=(64, 96))
    assert result.difference < 1e-4
    assert exporting._answer(result.path, sine(1, 3, 64, 96)).shape == (1, 21, 16, 24)
