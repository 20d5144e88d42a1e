from dataclasses import replace

import pytest
import torch

from easyseg import registry
from easyseg.engine import precision as precision_module
from easyseg.engine.precision import has_native_bf16, pick_precision
from easyseg.errors import InputError

CPU = torch.device("cpu")
WEIGHTS = replace(registry.resolve("builtin", "voc"), bf16_loss=None)
ALL = ("fp32", "bf16", "fp16")


def test_a_precision_that_is_asked_for():
    assert pick_precision("fp32", CPU, WEIGHTS, ALL) == "fp32"
    assert pick_precision("bf16", CPU, WEIGHTS, ALL) == "bf16"
    assert pick_precision("fp16", torch.device("cuda"), WEIGHTS, ALL) == "fp16"
    with pytest.raises(InputError, match="needs a GPU"):
        pick_precision("fp16", CPU, WEIGHTS, ALL)


@pytest.mark.parametrize(
    ("loss", "native", "expected"),
    [
        (None, True, "fp32"),
        (0.0, True, "bf16"),
        (-0.5, True, "bf16"),  # better, even
        (0.1, True, "fp32"),
        (0.0, False, "fp32"),
    ],
)
def test_bf16_is_taken_unasked_where_it_is_fast_and_was_measured_to_cost_nothing(
    monkeypatch, loss, native, expected
):
    monkeypatch.setattr(precision_module, "has_native_bf16", lambda device: native)
    weights = replace(WEIGHTS, bf16_loss=loss)
    assert pick_precision("auto", CPU, weights, ALL) == expected
    assert pick_precision("auto", CPU, weights, ("fp32",)) == "fp32"


@pytest.mark.parametrize("question", ["_is_avx512_bf16_supported", "_is_amx_tile_supported"])
def test_native_bf16_on_a_cpu(monkeypatch, question):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, bool, raising=False)
    assert not has_native_bf16(CPU)
    monkeypatch.setattr(torch.cpu, question, lambda: True, raising=False)
    assert has_native_bf16(CPU)
    monkeypatch.delattr(torch.cpu, question)  # an older torch
    assert not has_native_bf16(CPU)


def test_native_bf16_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert not has_native_bf16(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert has_native_bf16(torch.device("cuda"))
    assert not has_native_bf16(torch.device("mps"))
