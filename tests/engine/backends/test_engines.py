"""The backends beside torch, against torch; each skips where its packages are not installed."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg import registry
from easyseg.engine import Segmenter, conversion, loader
from easyseg.engine.backends import Checkpoint, converted
from easyseg.engine.backends.onnxruntime_backend import ONNXRuntimeNetwork
from easyseg.engine.backends.openvino_backend import MOST_SIZES, OFTEN, OpenVINONetwork
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.pictures import image as media
from tests.models.test_contract import KINDS, built

ENGINES = {"openvino": lambda one: OpenVINONetwork(one, "fp32"), "onnxruntime": ONNXRuntimeNetwork}
PHOTOGRAPHS = ("astronaut.jpg", "china.jpg")
CPU = torch.device("cpu")


def need(kind: str) -> None:
    if not conversion.is_installed(kind):
        pytest.skip(f"the packages for {kind} are not installed")


@pytest.fixture
def checkpoint() -> Checkpoint:
    weights = registry.resolve("builtin", "voc")
    return Checkpoint(weights, loader.built_in_file(weights))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dataset", ["ade20k", pytest.param("voc", marks=pytest.mark.slow)])
def test_photographs_get_the_same_labels(engine: str, dataset: str, photographs: Path):
    need(engine)
    segmenter = Segmenter("builtin", dataset=dataset, device="cpu", backend=engine)
    exact = Segmenter("builtin", dataset=dataset, device="cpu", backend="torch")
    for name in PHOTOGRAPHS:
        image = media.read(photographs / name)
        found, expected = (one(image, tta=False).labels for one in (segmenter, exact))
        assert np.mean(found == expected) >= 0.999
    assert (segmenter.backend, segmenter.precision) == (engine, "fp32")


@pytest.mark.parametrize("engine", ENGINES)
def test_batches_other_types_and_strides(engine: str, checkpoint: Checkpoint):
    need(engine)
    network = ENGINES[engine](checkpoint)
    x = torch.randn(2, 3, 40, 56, dtype=torch.float64)[:, :, ::2].transpose(2, 3)
    expected = TorchNetwork(checkpoint, CPU, "fp32")(x)
    assert network(x).dtype == torch.float32
    torch.testing.assert_close(network(x), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(network(x.float().requires_grad_()), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_converted_network_is_not_loaded_again(
    engine: str, checkpoint: Checkpoint, tmp_path: Path, monkeypatch
):
    need(engine)
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path))
    x = torch.rand(1, 3, 40, 56)
    expected = ENGINES[engine](checkpoint)(x)
    (kept,) = tmp_path.rglob("*.zip")
    whole = kept.read_bytes()
    original = Checkpoint.load
    loads: list[str] = []
    monkeypatch.setattr(Checkpoint, "load", lambda self: loads.append("load") or original(self))
    torch.testing.assert_close(ENGINES[engine](checkpoint)(x), expected, rtol=0, atol=0)
    assert loads == []
    kept.write_bytes(whole[: len(whole) // 2])
    torch.testing.assert_close(ENGINES[engine](checkpoint)(x), expected, rtol=0, atol=0)
    assert loads == ["load"]
    assert converted.read(kept)  # mended


def test_one_size_often_is_compiled_for(checkpoint: Checkpoint, monkeypatch):
    need("openvino")
    network = OpenVINONetwork(checkpoint, "fp32")
    exact = TorchNetwork(checkpoint, CPU, "fp32")
    compiled: list[str] = []
    original = network._compiled
    monkeypatch.setattr(
        network,
        "_compiled",
        lambda model: compiled.append(str(model.inputs[0].partial_shape)) or original(model),
    )

    def run(*size: int) -> None:
        x = torch.rand(1, 3, *size)
        torch.testing.assert_close(network(x), exact(x), rtol=1e-3, atol=1e-3)

    for _ in range(3):
        run(32, 40)
    assert compiled == ["[1,3,32,40]"]
    for side in range(41, 45):
        run(32, side)
    assert compiled[1:] == ["[1,3,?,?]"]
    for _ in range(OFTEN):
        run(32, 41)
    assert compiled[2:] == ["[1,3,32,41]"]
    for side in range(50, 50 + MOST_SIZES):
        for _ in range(OFTEN):
            run(32, side)
    assert len(network._for_sizes) == MOST_SIZES
    run(32, 40)  # forgotten, and served by the one for all
    assert len(compiled) == 3 + MOST_SIZES


@pytest.mark.parametrize("engine", ENGINES)
def test_threads(engine: str, checkpoint: Checkpoint):
    need(engine)
    network, other = ENGINES[engine](checkpoint), ENGINES[engine](checkpoint)
    pictures = [torch.rand(1, 3, 32, 32 + 8 * number) for number in range(4)]
    expected = [network(picture) for picture in pictures]
    wrong: list[int] = []

    def work(one, number: int) -> None:
        for _ in range(5):
            if not torch.allclose(one(pictures[number]), expected[number], atol=1e-3):
                wrong.append(number)

    threads = [
        threading.Thread(target=work, args=(one, number))
        for number in range(4)
        for one in (network, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", KINDS)
def test_every_architecture_gets_the_same_labels(engine: str, name: str, tmp_path, monkeypatch):
    need(engine)
    if engine == "onnxruntime" and name.startswith(("pspnet", "upernet")):
        pytest.skip("ONNX has no pooling to a grid whose cells have different sizes")
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path))
    weights = registry.get(name)
    (tmp_path / "network.pt").touch()
    module = built(weights, weights.num_classes)
    monkeypatch.setattr(Checkpoint, "load", lambda self: module)
    network = ENGINES[engine](Checkpoint(weights, tmp_path / "network.pt"))
    generator = torch.Generator().manual_seed(1)
    divisor = weights.preprocess.divisor
    for height, width in ((96, 128), (131, 67), (64, 64)):
        size = (-(-height // divisor) * divisor, -(-width // divisor) * divisor)
        x = torch.randn(1, 3, *size, generator=generator)
        with torch.inference_mode():
            expected = module(x)
        answer = network(x)
        assert answer.shape == expected.shape
        same = (answer.argmax(1) == expected.argmax(1)).double().mean()
        assert same >= 0.999, size
