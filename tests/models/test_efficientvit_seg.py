import pytest
import torch
from torch.nn import functional as F

from easyseg.errors import InputError
from easyseg.models.backbones.efficientvit import LinearAttention
from easyseg.models.efficientvit_seg import EfficientViTSeg, rename

BIG = "head.output_ops.0.op_list.1.conv.weight"
SMALL = "backbone.input_stem.op_list.0.conv.weight"


@pytest.mark.parametrize(
    ("mark", "key", "wanted"),
    [
        # The B sizes count their stages from the second.
        (
            SMALL,
            "backbone.stages.0.op_list.1.main.depth_conv.norm.bias",
            "stages.1.1.depthwise.norm.bias",
        ),
        (
            SMALL,
            "backbone.input_stem.op_list.1.main.point_conv.norm.bias",
            "stages.0.1.project.norm.bias",
        ),
        (
            SMALL,
            "backbone.stages.3.op_list.2.context_module.main.qkv.conv.weight",
            "stages.4.2.attention.qkv.weight",
        ),
        (
            SMALL,
            "backbone.stages.3.op_list.2.context_module.main.aggreg.0.1.weight",
            "stages.4.2.attention.aggregate.1.weight",
        ),
        (
            SMALL,
            "backbone.stages.3.op_list.2.local_module.main.inverted_conv.conv.bias",
            "stages.4.2.local.expand.conv.bias",
        ),
        (BIG, "backbone.stages.0.op_list.0.conv.weight", "stages.0.0.conv.weight"),
        (
            BIG,
            "backbone.stages.1.op_list.0.main.spatial_conv.norm.bias",
            "stages.1.0.spatial.norm.bias",
        ),
        (
            BIG,
            "backbone.stages.4.op_list.3.context_module.main.proj.norm.bias",
            "stages.4.3.attention.project.norm.bias",
        ),
    ],
)
def test_encoder_names(mark, key, wanted):
    renamed = rename({mark: torch.zeros(1), key: torch.zeros(1)})
    assert list(renamed)[1] == f"encoder.{wanted}"


@pytest.mark.parametrize(
    ("key", "small", "big"),
    [
        ("head.input_ops.0.op_list.0.conv.weight", "inputs.0.conv.weight", "inputs.0.conv.weight"),
        ("head.input_ops.2.norm.weight", "inputs.2.norm.weight", "inputs.2.norm.weight"),
        (
            "head.middle.op_list.2.main.point_conv.conv.weight",
            "middle.2.project.conv.weight",
            "middle.2.project.conv.weight",
        ),
        ("head.output_ops.0.op_list.0.conv.weight", "classifier.weight", "expand.conv.weight"),
    ],
)
def test_head_names(key, small, big):
    for mark, wanted in ((SMALL, small), (BIG, big)):
        renamed = rename({mark: torch.zeros(1), key: torch.zeros(1)})
        assert list(renamed)[1] == f"head.{wanted}"


def test_attention_weighs_by_the_rectified_product():
    """Each pixel gets the mean of all values, weighted by relu(query) times relu(key)."""
    torch.manual_seed(0)
    attention = LinearAttention(8, head_size=4, eps=1e-5)
    qkv = torch.randn(1, 24, 3, 5)
    with torch.inference_mode():
        given = attention._attend(qkv)
        heads = qkv.reshape(2, 12, 15)
        query, key, value = F.relu(heads[:, :4]), F.relu(heads[:, 4:8]), heads[:, 8:]
        weights = query.transpose(1, 2) @ key
        wanted = value @ (weights / (weights.sum(2, keepdim=True) + 1e-15)).transpose(1, 2)
    torch.testing.assert_close(given, wanted.reshape(1, 8, 3, 5), rtol=1e-4, atol=1e-5)


def test_attention_survives_half_precision():
    """The sums over a large picture leave the range of fp16."""
    attention = LinearAttention(8, head_size=4, eps=1e-5).half()
    qkv = torch.full((1, 24, 64, 64), 30.0, dtype=torch.half)
    given = attention._attend(qkv)
    assert given.dtype == torch.half
    torch.testing.assert_close(given, torch.full_like(given, 30.0))


def test_sides_that_are_multiples_of_32_need_no_stretching():
    """Where the reference can run, the head enlarges by exactly 2 and 4."""
    torch.manual_seed(0)
    network = EfficientViTSeg(3, size="b1").eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        features = network.encoder(x)
        parts = [
            project(f) for project, f in zip(network.head.inputs, features[:1:-1], strict=True)
        ]
        wanted = parts[2]
        for part, factor in zip(parts, (4, 2), strict=False):
            wanted = wanted + F.interpolate(part, scale_factor=factor, mode="bicubic")
        wanted = network.head.classifier(network.head.middle(wanted))
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-5)


def test_a_size_that_does_not_exist():
    with pytest.raises(InputError, match="b9"):
        EfficientViTSeg(3, size="b9")
