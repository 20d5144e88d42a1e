import pytest
import torch
from torch import nn
from torch.nn import functional as F

from easyseg.errors import InputError
from easyseg.models.backbones.mix_transformer import Attention
from easyseg.models.segformer import Head, SegFormer, rename_huggingface, rename_openmmlab

FEED_FORWARD = "encoder.stages.0.blocks.3.feed_forward"


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("segformer.encoder.patch_embeddings.2.proj.bias", "stages.2.embed.projection.bias"),
        ("segformer.encoder.patch_embeddings.0.layer_norm.bias", "stages.0.embed.norm.bias"),
        ("segformer.encoder.layer_norm.3.bias", "stages.3.norm.bias"),
        (
            "segformer.encoder.block.1.12.layer_norm_1.bias",
            "stages.1.blocks.12.attention_norm.bias",
        ),
        (
            "segformer.encoder.block.0.0.attention.self.layer_norm.bias",
            "stages.0.blocks.0.attention.reduction_norm.bias",
        ),
        (
            "segformer.encoder.block.0.0.mlp.dwconv.dwconv.bias",
            "stages.0.blocks.0.feed_forward.depthwise.bias",
        ),
    ],
)
def test_huggingface_names(key, wanted):
    tensor = torch.zeros(3)
    assert rename_huggingface({key: tensor}) == {f"encoder.{wanted}": tensor}


def test_huggingface_keys_and_values_become_one_layer():
    place = "segformer.encoder.block.0.1.attention.self"
    key, value = torch.ones(2, 2), torch.zeros(2, 2)
    renamed = rename_huggingface({f"{place}.key.weight": key, f"{place}.value.weight": value})
    assert list(renamed) == ["encoder.stages.0.blocks.1.attention.key_value.weight"]
    assert torch.equal(*renamed.values(), torch.cat([key, value]))


def test_huggingface_counts_the_levels_backwards():
    published = torch.arange(8.0).reshape(1, 8, 1, 1)
    renamed = rename_huggingface({"decode_head.linear_fuse.weight": published})
    assert renamed["head.fuse.weight"].flatten().tolist() == [6, 7, 4, 5, 2, 3, 0, 1]


def test_openmmlab_projections_are_split():
    packed = torch.arange(6.0).reshape(6, 1)
    renamed = rename_openmmlab({"backbone.layers.1.1.0.attn.attn.in_proj_weight": packed})
    place = "encoder.stages.1.blocks.0.attention"
    assert {key: tensor.flatten().tolist() for key, tensor in renamed.items()} == {
        f"{place}.query.weight": [0, 1],
        f"{place}.key_value.weight": [2, 3, 4, 5],
    }


@pytest.mark.parametrize(
    ("key", "wanted", "dimensions"),
    [
        ("backbone.layers.0.0.projection.weight", "encoder.stages.0.embed.projection.weight", 4),
        ("backbone.layers.0.2.weight", "encoder.stages.0.norm.weight", 4),
        ("backbone.layers.0.1.3.ffn.layers.0.weight", f"{FEED_FORWARD}.expand.weight", 2),
        ("backbone.layers.0.1.3.ffn.layers.1.weight", f"{FEED_FORWARD}.depthwise.weight", 4),
        ("backbone.layers.0.1.3.ffn.layers.4.weight", f"{FEED_FORWARD}.project.weight", 2),
        ("decode_head.convs.2.bn.weight", "head.levels.2.norm.weight", 4),
        ("decode_head.fusion_conv.conv.weight", "head.fuse.weight", 4),
    ],
)
def test_openmmlab_names(key, wanted, dimensions):
    ((renamed, tensor),) = rename_openmmlab({key: torch.zeros(2, 3, 1, 1)}).items()
    assert renamed == wanted
    assert tensor.ndim == dimensions


@pytest.mark.parametrize("normalised", [True, False])
def test_the_head_mixes_as_the_reference_does(normalised):
    """The reference enlarges, concatenates and mixes; here the order is another."""
    torch.manual_seed(0)
    head = Head((3, 4, 5, 6), 8, 2, normalised=normalised).eval()
    features = [torch.randn(2, 3 + i, -(-17 // 2**i), -(-13 // 2**i)) for i in range(4)]
    enlarged = [
        F.interpolate(level(feature), (17, 13), mode="bilinear", align_corners=False)
        for level, feature in zip(head.levels, features, strict=True)
    ]
    with torch.inference_mode():
        wanted = head.classifier(F.relu(head.norm(head.fuse(torch.cat(enlarged, 1)))))
        torch.testing.assert_close(head(features), wanted, rtol=1e-4, atol=1e-5)


def test_attention_is_softmax_attention():
    torch.manual_seed(0)
    attention = Attention(8, heads=2, reduction=1, eps=1e-6).eval()
    reference = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    reference.load_state_dict(
        {
            "in_proj_weight": torch.cat([attention.query.weight, attention.key_value.weight]),
            "in_proj_bias": torch.cat([attention.query.bias, attention.key_value.bias]),
            "out_proj.weight": attention.project.weight,
            "out_proj.bias": attention.project.bias,
        }
    )
    x = torch.randn(2, 15, 8)
    with torch.inference_mode():
        torch.testing.assert_close(attention(x, (3, 5)), reference(x, x, x)[0])


def test_what_is_smaller_than_the_reduction_is_padded():
    torch.manual_seed(0)
    attention = Attention(4, heads=1, reduction=4, eps=1e-6).eval()
    x = torch.randn(1, 2 * 9, 4)
    padded = F.pad(x.reshape(1, 2, 9, 4), (0, 0, 0, 0, 0, 2)).reshape(1, 4 * 9, 4)
    with torch.inference_mode():
        given, wanted = attention(x, (2, 9)), attention(padded, (4, 9))
    torch.testing.assert_close(given, wanted[:, : 2 * 9])


def test_a_size_that_does_not_exist():
    with pytest.raises(InputError, match="b9"):
        SegFormer(3, size="b9")
