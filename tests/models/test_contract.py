"""What holds for every record, and for the smallest network of every kind."""

import copy
import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from easyseg import labels, registry
from easyseg.engine import loader
from easyseg.engine.fuse import fold_batch_norm
from easyseg.errors import InputError
from easyseg.registry import Weights

RECORDS = [registry.get(name) for name in registry.names(untrained=True)]
every = pytest.mark.parametrize("weights", RECORDS, ids=lambda weights: weights.name)

# Stride of the logits, by the beginning of the name, where it is not the output stride.
LOGITS_STRIDE = {"deeplabv3plus": 4, "upernet": 4, "segformer": 4, "efficientvit": 8, "lraspp": 8}

# The smallest record of each kind: of each network class with each of its encoders and forms.
SMALL = [
    "deeplabv3plus_efficientnet_lite0.voc",
    "deeplabv3plus_mobilenet_v2_tensorflow.voc",
    "deeplabv3plus_mobilenet_v2_tensorflow.ade20k",
    "deeplabv3plus_mobilenet_v2.ade20k",
    "deeplabv3plus_mobilenet_v2.voc_bubbliiiing",
    "deeplabv3_mobilenet_v2.voc",
    "deeplabv3_mobilenet_v3_large.coco_voc",
    "lraspp_mobilenet_v3_large.coco_voc",
    "efficientvit_seg_b1.ade20k",
    "segformer_b0.ade20k",
    "segformer_b0.ade20k_openmmlab",
]
LARGE = [
    "fcn_resnet50.coco_voc",
    "efficientvit_seg_l1.ade20k",
    "deeplabv3plus_resnet50.voc",
    "pspnet_resnet50.voc",
    "deeplabv3plus_xception65.voc",
    "deeplabv3_resnet50.coco_voc",
    "deeplabv3plus_xception65.voc_bubbliiiing",
    "upernet_resnet50.voc",
    "deeplabv3_resnet50.voc",
]
KINDS = [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]


class Description(NamedTuple):
    """What can be said of a network that has no storage."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    parameters: int
    kind: tuple[type[nn.Module], frozenset[type[nn.Module]], frozenset[str]]


@functools.cache
def _description(
    build: Callable[..., nn.Module], num_classes: int, output_stride: int
) -> Description:
    with torch.device("meta"):
        module = build(num_classes, output_stride=output_stride)
    return Description(
        tuple((key, tuple(tensor.shape)) for key, tensor in module.state_dict().items()),
        sum(parameter.numel() for parameter in module.parameters()),
        (
            type(module),
            frozenset(type(part) for part in module.modules()),
            frozenset(name for name, _ in module.named_children()),
        ),
    )


def described(weights: Weights, output_stride: int | None = None) -> Description:
    """Describes a record's network; those that build the same one share the description."""
    stride = weights.output_stride if output_stride is None else output_stride
    return _description(weights.build, weights.num_classes, stride)


def classifier_keys(weights: Weights) -> tuple[str, ...]:
    return (weights.classifier,) if isinstance(weights.classifier, str) else weights.classifier


@every
def test_metadata_is_complete(weights: Weights):
    assert re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", weights.name)
    assert weights.name.partition(".")[2].startswith(("ade20k", "voc", "coco_voc"))
    assert weights.title.strip() == weights.title != ""
    assert bool(weights.metrics) == weights.has_weights
    for text in (weights.licence, weights.source, weights.measured_on):
        assert text.strip() == text
        assert text or not weights.has_weights
    assert all(20 < value < 100 for value in weights.metrics.values())
    assert re.fullmatch(r"([0-9a-f]{8,64})?", weights.sha256)
    assert not (weights.file and weights.urls)
    assert all(url.startswith("https://") for url in weights.urls)
    assert weights.source.startswith("https://") == bool(weights.urls)
    if weights.file:
        assert len(weights.sha256) == 64
        assert weights.size > 0
    assert weights.output_stride in weights.output_strides
    assert set(weights.tiers) <= set(registry.TIERS)
    assert (weights.notice is not None) == weights.name.startswith("segformer")


@every
def test_each_class_has_an_output_and_a_colour(weights: Weights):
    label_set = labels.get(weights.label_set)
    classes = weights.num_classes - weights.first_class
    assert len(label_set) == len(label_set.palette) == classes


@every
def test_the_parameters_are_those_of_its_network(weights: Weights):
    assert described(weights).parameters == weights.parameters


@every
def test_one_state_dict_serves_every_output_stride(weights: Weights):
    shapes = {described(weights, stride).shapes for stride in weights.output_strides}
    assert len(shapes) == 1


@every
def test_the_classifier_s_first_dimension_is_the_number_of_outputs(weights: Weights):
    shapes = dict(described(weights).shapes)
    for published in classifier_keys(weights):
        given = {published: torch.zeros(weights.num_classes)}
        (key,) = given if weights.rename is None else weights.rename(given)
        assert shapes[key][0] == weights.num_classes


@every
def test_foreign_keys_survive_renaming(weights: Weights):
    """Recognition tries every layout on every file: a rename must not trip over another's keys."""
    foreign = {
        "backbone.layers.3.1.weight": torch.zeros(3),
        "backbone.features.1.conv.6.weight": torch.zeros(2, 2, 1, 1),
        "backbone.stages.0.op_list.0.attention.key.weight": torch.zeros(2, 2),
        "segformer.encoder.block.0.0.attention.self.value.bias": torch.zeros(2),
        "conv/kernel:0": torch.zeros(2),
        "": torch.zeros(1),
    }
    before = dict(foreign)
    assert weights.rename is None or weights.rename(foreign)
    assert foreign == before


def test_no_file_is_published_twice():
    urls = [weights.urls[0] for weights in RECORDS if weights.urls]
    assert len(set(urls)) == len(urls)


def test_every_kind_of_network_is_tried():
    smallest: dict[object, Weights] = {}
    for weights in sorted(RECORDS, key=lambda weights: weights.parameters):
        smallest.setdefault(described(weights).kind, weights)
    assert {weights.name for weights in smallest.values()} == {*SMALL, *LARGE}


def built(weights: Weights, num_classes: int) -> nn.Module:
    """Builds a network with random weights and statistics that keep its values near 1."""
    with torch.device("meta"):
        module = weights.build(num_classes, output_stride=weights.output_stride)
    module = module.to_empty(device="cpu").eval().requires_grad_(False)
    # The variance of uniform noise is a third. MobileNets have ReLUs and no sums that make up.
    gain = 4.5 if "mobilenet" in weights.name else 3.0
    generator = torch.Generator().manual_seed(0)
    noise = torch.empty(1 << 20).uniform_(-1, 1, generator=generator)
    for name, tensor in module.state_dict().items():
        if tensor.ndim > 1:
            drawn = noise.repeat(-(-tensor.numel() // len(noise)))[: tensor.numel()]
            tensor.copy_(drawn.view_as(tensor)).mul_((gain / tensor[0].numel()) ** 0.5)
            noise = noise.roll(12_289)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.is_floating_point():
            centre = 1.0 if name.endswith("weight") else 0.0
            tensor.uniform_(centre - 0.1, centre + 0.1, generator=generator)
        else:
            tensor.zero_()
    return module


@pytest.fixture(scope="module", params=KINDS)
def network(request) -> tuple[Weights, nn.Module]:
    """A record and its network with random weights, in evaluation mode."""
    weights = registry.get(request.param)
    return weights, built(weights, weights.num_classes)


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def logits_shape(weights: Weights, shape: tuple[int, int], output_stride: int) -> tuple[int, ...]:
    stride = LOGITS_STRIDE.get(weights.name.split("_")[0], output_stride)
    return (weights.num_classes, -(-shape[0] // stride), -(-shape[1] // stride))


@pytest.mark.parametrize("shape", [(1, 1), (3, 70)])
def test_logits_come_for_any_size(network, shape):
    weights, module = network
    with torch.inference_mode():
        logits = module(pictures(1, 3, *shape))
    assert logits.shape == (1, *logits_shape(weights, shape, weights.output_stride))
    assert torch.isfinite(logits).all()


def test_a_picture_gets_the_same_logits_in_a_batch_as_alone(network):
    weights, module = network
    x = pictures(2, 3, 65, 97)
    with torch.inference_mode():
        batch = module(x)
        alone = torch.cat([module(one[None]) for one in x])
    assert batch.shape == (2, *logits_shape(weights, (65, 97), weights.output_stride))
    assert torch.isfinite(batch).all()
    assert (batch[0] - batch[1]).std() > 1e-2
    torch.testing.assert_close(batch, alone, rtol=1e-4, atol=1e-4)


def test_folding_and_channels_last_keep_the_answer(network):
    _, module = network
    folded = fold_batch_norm(copy.deepcopy(module)).to(memory_format=torch.channels_last)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    x = pictures(1, 3, 65, 97)
    with torch.inference_mode():
        before = module(x)
        after = folded(x.contiguous(memory_format=torch.channels_last))
    assert before.std() > 1e-2
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_a_saved_state_dict_is_loaded_at_every_output_stride(network, tmp_path: Path):
    weights, module = network
    own = dataclasses.replace(weights, rename=None)
    path = tmp_path / "network.pt"
    torch.save(module.state_dict(), path)
    x = pictures(1, 3, 65, 97)
    for stride in weights.output_strides:
        loaded = loader.load(own, path, output_stride=stride)
        assert not loaded.training
        read = loaded.state_dict()
        for key, tensor in module.state_dict().items():
            assert torch.equal(read[key], tensor), key
        with torch.inference_mode():
            logits = loaded(x)
            if stride == weights.output_stride:
                torch.testing.assert_close(logits, module(x))
        assert logits.shape == (1, *logits_shape(weights, (65, 97), stride))
        assert torch.isfinite(logits).all()
    path.unlink()  # pytest would keep it for three runs


@every
def test_the_default_output_stride_is_the_record_s(weights: Weights):
    output_stride = inspect.signature(weights.build).parameters["output_stride"]
    assert output_stride.default == weights.output_stride
    with torch.device("meta"), pytest.raises(InputError, match="output_stride"):
        weights.build(4, output_stride=4)


@pytest.mark.parametrize(
    "name", [SMALL[0], *(pytest.param(name, marks=pytest.mark.slow) for name in SMALL[1:])]
)
def test_it_learns(name):
    """Every parameter gets a gradient."""
    module = built(registry.get(name), 4).train().requires_grad_(True)
    module(pictures(2, 3, 96, 96)).square().mean().backward()
    without = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias before a normalisation moves nothing, and its gradient is 0 up to rounding.
    assert [name for name in without if not name.endswith("conv.bias")] == []


@pytest.mark.parametrize("name", ["efficientvit_seg_b1.ade20k", "segformer_b0.ade20k"])
def test_bfloat16_stays_close(name):
    module = built(registry.get(name), 4)
    x = pictures(1, 3, 64, 96)
    with torch.inference_mode():
        exact = module(x)
        rounded = module.bfloat16()(x.bfloat16())
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().mean() < 0.1 * exact.std()
