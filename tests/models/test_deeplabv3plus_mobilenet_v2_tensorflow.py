"""The networks of the built-in models, against the module that their weights were made with."""

import importlib.util
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg import registry
from easyseg.checkpoints import StateDict
from easyseg.engine import loader
from easyseg.errors import InputError
from easyseg.models.deeplabv3plus_mobilenet_v2_tensorflow import DeepLabV3Plus

PARITY = Path(__file__).parent.parent / "data" / "deeplabv3plus_mobilenet_v2_tensorflow.npz"
RECIPES = Path(__file__).parents[2] / "weights" / "recipes"
KINDS = {"voc": 21, "ade20k": 150}


def drawn(module: DeepLabV3Plus) -> StateDict:
    """Weights that are the same everywhere, and keep the values near 1."""
    state_dict = {}
    for key, tensor in module.state_dict().items():
        generator = np.random.RandomState(zlib.crc32(key.encode()))
        width = (4.5 / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.1
        values = generator.uniform(-width, width, tuple(tensor.shape))
        state_dict[key] = torch.from_numpy(values.astype(np.float32))
    return state_dict


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("dataset", KINDS)
def test_parity_with_the_module_of_the_trainings(dataset: str, output_stride: int):
    """`parity.npz` holds what that module says for the weights of `drawn` under its own names."""
    module = DeepLabV3Plus(
        KINDS[dataset], output_stride=output_stride, refine=dataset == "voc"
    ).eval()
    module.load_state_dict(drawn(module))
    with np.load(PARITY) as file, torch.inference_mode():
        logits = module(torch.from_numpy(file["x"]))
        expected = torch.from_numpy(file[f"{dataset}_{output_stride}"])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)


@pytest.mark.shared
@pytest.mark.parametrize("dataset", KINDS)
def test_parity_with_trained_weights(dataset: str, shared: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(shared / "training")
    monkeypatch.syspath_prepend(RECIPES)
    reference, google = (importlib.import_module(name) for name in ("model", "google"))
    file = shared / "weights" / f"builtin_{dataset}.pt"
    theirs = (reference.Refined if dataset == "voc" else reference.Ade)()
    raw = torch.load(file, weights_only=True)
    theirs.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in raw.items()}
    )
    ours = DeepLabV3Plus(KINDS[dataset], refine=dataset == "voc").eval()
    google.fill(ours, file)
    x = torch.rand(1, 3, 97, 129, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)


def test_one_file_serves_any_number_of_classes_and_both_strides():
    wide, narrow = (DeepLabV3Plus(classes, refine=True).state_dict() for classes in (30, 3))
    differing = {key for key in wide if wide[key].shape != narrow[key].shape}
    assert {key.split(".")[0] for key in differing} == {"classifier", "coarse_classifier"}
    with pytest.raises(InputError, match="output_stride"):
        DeepLabV3Plus(3, output_stride=4)


@pytest.mark.parametrize("refine", [True, False])
def test_it_learns(refine: bool):
    """Every parameter gets a gradient."""
    network = DeepLabV3Plus(3, refine=refine).train()
    network(torch.randn(2, 3, 65, 65)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("dataset", KINDS)
def test_the_built_in_file_is_small_and_of_this_network(dataset: str):
    record = registry.resolve("builtin", dataset)
    assert record.build.func is DeepLabV3Plus
    file = loader.built_in_file(record)
    assert file.stat().st_size == record.size < 6_000_000
    stored = torch.load(file, weights_only=True)
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert sum(tensor.numel() for tensor in stored.values()) == record.parameters
