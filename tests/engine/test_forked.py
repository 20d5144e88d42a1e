"""Other processes: forked ones, and those that a Segmenter is sent to."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg.engine import Segmenter, conversion, forked, inputs
from easyseg.engine.backends import Checkpoint
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.errors import ModelError
from easyseg.transforms import Preprocess

BACKENDS = ("torch", "openvino", "onnxruntime")

FORK = """
import faulthandler, os, sys
import numpy as np
import torch
from easyseg import Segmenter

torch.set_num_threads(2)
picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
segmenter = Segmenter("builtin", dataset="voc", backend=sys.argv[1], size=64)
expected = segmenter(picture).labels
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(60, exit=True)
    own = Segmenter("builtin", dataset="voc", backend=sys.argv[1], size=64)
    same = [(one(picture).labels == expected).mean() > 0.99 for one in (segmenter, own)]
    sys.stderr.flush()
    os._exit(0 if all(same) and torch.get_num_threads() == 1 else 3)  # as multiprocessing does
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), torch.get_num_threads())
"""


def skip_without(backend: str) -> None:
    if backend != "torch" and not conversion.is_installed(backend):
        pytest.skip(f"{backend} is not installed")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    "backend",
    ["torch", *(pytest.param(name, marks=pytest.mark.slow) for name in BACKENDS[1:])],
)
def test_a_forked_child_goes_on_with_one_thread(backend: str):
    skip_without(backend)
    done = subprocess.run(
        [sys.executable, "-c", FORK, backend], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "0 2\n", done.stderr
    assert done.stderr.count("EasysegWarning") == 1
    assert "get_context('spawn')" in done.stderr


def test_cuda_is_refused_to_a_forked_child(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Checkpoint, "load", lambda self: torch.nn.Identity())
    network = TorchNetwork(Checkpoint(None, Path()), torch.device("cpu"), "fp32")
    network._device = torch.device("cuda")
    preprocess = Preprocess((0, 0, 0), (1, 1, 1), resize="native")
    picture = np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr(forked, "_on_cuda", os.getpid() + 1)
    for use in (
        lambda: network(torch.zeros(1, 3, 8, 8)),
        lambda: inputs.prepare(preprocess, picture, torch.device("cuda")),
        lambda: TorchNetwork(Checkpoint(None, Path()), torch.device("cuda"), "fp32"),
    ):
        with pytest.raises(ModelError, match=r"forked.*get_context\('spawn'\)"):
            use()


def test_cuda_belongs_to_the_process_that_used_it_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forked, "_on_cuda", None)
    forked.check_cuda()
    forked.check_cuda()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ModelError, match="forked"):
        forked.check_cuda()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_segmenter_can_be_pickled(backend: str, astronaut: np.ndarray):
    skip_without(backend)
    segmenter = Segmenter("builtin", dataset="voc", backend=backend, size=64)
    twin = pickle.loads(pickle.dumps(segmenter))
    assert (twin.name, twin.size, twin.backend, twin.precision) == (
        segmenter.name, 64, backend, "fp32",
    )  # fmt: skip
    np.testing.assert_array_equal(twin(astronaut).labels, segmenter(astronaut).labels)
    assert copy.copy(segmenter)._network is segmenter._network


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_segmenter_is_sent_to_processes(astronaut: np.ndarray):
    segmenter = Segmenter("builtin", dataset="voc", size=64)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (result,) = pool.map(segmenter, [astronaut])
    np.testing.assert_array_equal(result.labels, segmenter(astronaut).labels)
