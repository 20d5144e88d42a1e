"""Which backend is taken, and what happens when it fails."""

import threading

import numpy as np
import pytest
import torch

from easyseg import registry
from easyseg.engine import Segmenter, backends, conversion, loader
from easyseg.engine.backends import Checkpoint, check_backend, open_network, pick_backend
from easyseg.errors import EasysegWarning, InputError, ModelError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The kinds of packages that seem to be installed."""
    kinds: set[str] = set()
    monkeypatch.setattr(conversion, "_missing", lambda kind: [] if kind in kinds else [kind])
    return kinds


def test_auto(installed: set[str]):
    assert pick_backend("auto", "auto", CPU) == "torch"
    installed.add("openvino")
    assert pick_backend("auto", "auto", CPU) == "openvino"
    assert pick_backend("auto", "bf16", CPU) == "openvino"
    assert pick_backend("auto", "fp16", GPU) == "torch"
    assert pick_backend("torch", "auto", CPU) == "torch"


def test_names(installed: set[str]):
    installed.add("openvino")
    assert check_backend("auto", "auto") == "auto"
    assert check_backend("auto", "fp16") == "torch"
    assert check_backend("auto", "int8") == "openvino"
    with pytest.raises(InputError, match="backend must be one of"):
        check_backend("tensorrt", "auto")
    with pytest.raises(InputError, match="precision must be one of"):
        check_backend("auto", "int4")
    with pytest.raises(InputError, match=r"'torch' does not have .*'int8'.*openvino"):
        check_backend("torch", "int8")
    with pytest.raises(ModelError, match="onnxruntime must be installed"):
        check_backend("onnxruntime", "auto")


def test_others_than_torch_run_on_the_cpu(installed: set[str], monkeypatch):
    installed.add("openvino")
    with pytest.raises(InputError, match="runs on the CPU"):
        pick_backend("openvino", "auto", GPU)
    devices = []

    def pick_device(device: object) -> None:
        devices.append(device)
        raise InputError("enough")

    monkeypatch.setattr("easyseg.engine.segmenter.pick_device", pick_device)
    for arguments in ({"backend": "openvino"}, {"precision": "int8"}, {"backend": "torch"}, {}):
        with pytest.raises(InputError, match="enough"):
            Segmenter("builtin", **arguments)
    assert devices == ["cpu", "cpu", None, None]


class Broken:
    """A network that says after how many pictures it fails."""

    backend, precision = "openvino", "bf16"

    def __init__(self, pictures: int = 0) -> None:
        self.pictures = pictures

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.pictures <= 0:
            raise RuntimeError("Exception from src/cpu.cpp:1\nout of luck")
        self.pictures -= 1
        return x[:, :1]


@pytest.fixture
def checkpoint() -> Checkpoint:
    weights = registry.resolve("builtin", "voc")
    return Checkpoint(weights, loader.built_in_file(weights))


def opened(checkpoint: Checkpoint, precision: str = "bf16"):
    return open_network(checkpoint, device=CPU, backend="openvino", precision=precision)


def test_a_failure_at_the_start_falls_back(checkpoint: Checkpoint, monkeypatch):
    def fail(*arguments):
        raise OSError("libtbb.so: no such file")

    monkeypatch.setattr(backends, "OpenVINONetwork", fail)
    with pytest.warns(EasysegWarning, match=r"PyTorch runs it instead: libtbb.*backend='torch'"):
        network = opened(checkpoint)
    assert (network.backend, network.precision) == ("torch", "fp32")
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 21, 8, 8)


def test_a_failure_in_the_middle_falls_back_once(checkpoint: Checkpoint, monkeypatch):
    monkeypatch.setattr(backends, "OpenVINONetwork", lambda *arguments: Broken(2))
    network = opened(checkpoint)
    x = torch.rand(1, 3, 32, 32)
    assert network(x).shape == network(x).shape == (1, 1, 32, 32)
    assert (network.backend, network.precision) == ("openvino", "bf16")
    with pytest.warns(EasysegWarning, match=r"src/cpu.cpp:1 out of luck") as warned:
        after = network(x)
    assert len(warned) == 1
    expected = open_network(checkpoint, device=CPU, backend="torch", precision="fp32")(x)
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(network(x), expected)
    assert (network.backend, network.precision) == ("torch", "fp32")


@pytest.mark.filterwarnings("ignore::easyseg.EasysegWarning")
def test_threads_that_fail_together_fall_back_together(checkpoint: Checkpoint, monkeypatch):
    monkeypatch.setattr(backends, "OpenVINONetwork", lambda *arguments: Broken())
    network = opened(checkpoint)
    loads, answers = [], []
    original = Checkpoint.load
    monkeypatch.setattr(Checkpoint, "load", lambda self: loads.append(1) or original(self))
    work = [
        threading.Thread(target=lambda: answers.append(network(torch.zeros(1, 3, 32, 32))))
        for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert (len(loads), len(answers)) == (1, 4)


def test_what_the_user_did_wrong_is_no_reason_to_fall_back(checkpoint: Checkpoint, monkeypatch):
    def fail(*arguments):
        raise ModelError("not calibrated")

    monkeypatch.setattr(backends, "OpenVINONetwork", fail)
    with pytest.raises(ModelError, match="not calibrated"):
        opened(checkpoint, "int8")


def test_the_answer_does_not_change_with_a_fallback(photographs, monkeypatch):
    monkeypatch.setattr(backends, "OpenVINONetwork", lambda *arguments: Broken())
    monkeypatch.setattr(conversion, "_missing", lambda kind: [])
    segmenter = Segmenter("builtin", dataset="voc", device="cpu", backend="openvino")
    with pytest.warns(EasysegWarning):
        result = segmenter(photographs / "chelsea.jpg", tta=False)
    exact = Segmenter("builtin", dataset="voc", device="cpu", backend="torch")
    expected = exact(photographs / "chelsea.jpg", tta=False)
    np.testing.assert_array_equal(result.labels, expected.labels)
