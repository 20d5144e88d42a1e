import pytest
import torch

from easyseg.errors import InputError
from easyseg.models import deeplabv3_mobilenet_v2, deeplabv3plus_bubbliiiing
from easyseg.models.backbones.mobilenet_v2_deeplab import MobileNetV2
from easyseg.models.backbones.xception65 import Block, Xception65


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("backbone.features.0.1.weight", "encoder.stem.norm.weight"),
        ("backbone.features.1.conv.0.weight", "encoder.blocks.0.depthwise.conv.weight"),
        ("backbone.features.1.conv.4.bias", "encoder.blocks.0.project.norm.bias"),
        ("backbone.features.2.conv.0.weight", "encoder.blocks.1.expand.conv.weight"),
        ("backbone.features.17.conv.7.bias", "encoder.blocks.16.project.norm.bias"),
        ("backbone.bn2.bias", "encoder.stem.1.norm.bias"),
        ("backbone.block1.skip.weight", "encoder.blocks.0.shortcut.conv.weight"),
        ("backbone.block20.skipbn.bias", "encoder.blocks.19.shortcut.norm.bias"),
        (
            "backbone.block4.sepconv3.depthwise.weight",
            "encoder.blocks.3.convs.2.depthwise.conv.weight",
        ),
        ("backbone.block4.sepconv1.bn2.bias", "encoder.blocks.3.convs.0.pointwise.norm.bias"),
        ("backbone.conv5.bn1.bias", "encoder.exit.2.depthwise.norm.bias"),
        ("aspp.branch1.0.bias", "aspp.branches.0.conv.bias"),
        ("aspp.branch5_bn.bias", "aspp.pool.norm.bias"),
        ("aspp.conv_cat.1.bias", "aspp.project.norm.bias"),
        ("shortcut_conv.0.bias", "low_level.conv.bias"),
        ("cat_conv.1.bias", "decoder.0.norm.bias"),
        ("cat_conv.4.bias", "decoder.1.conv.bias"),
        ("cls_conv.bias", "classifier.bias"),
    ],
)
def test_bubbliiiing_s_names(key, wanted):
    assert list(deeplabv3plus_bubbliiiing.rename({key: torch.zeros(1)})) == [wanted]


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("conv_stem.first_conv.convolution.weight", ["encoder.stem.conv.weight"]),
        ("conv_stem.conv_3x3.normalization.bias", ["encoder.blocks.0.depthwise.norm.bias"]),
        ("layer.15.reduce_1x1.normalization.bias", ["encoder.blocks.16.project.norm.bias"]),
        ("conv_1x1.convolution.weight", []),
    ],
)
def test_hugging_face_s_names(key, wanted):
    rename = deeplabv3_mobilenet_v2.rename
    assert list(rename({f"mobilenet_v2.{key}": torch.zeros(1)})) == wanted


def test_hugging_face_s_head():
    keys = [f"conv_{part}.convolution.weight" for part in ("pool", "aspp", "projection")]
    keys.append("classifier.convolution.bias")
    given = {f"segmentation_head.{key}": torch.zeros(1) for key in keys}
    assert list(deeplabv3_mobilenet_v2.rename(given)) == [
        "pool.conv.weight",
        "pointwise.conv.weight",
        "project.conv.weight",
        "classifier.bias",
    ]


@pytest.mark.parametrize(
    ("encoder", "tensorflow"),
    [
        (MobileNetV2, True),
        (MobileNetV2, False),
        pytest.param(Xception65, True, marks=pytest.mark.slow),
        pytest.param(Xception65, False, marks=pytest.mark.slow),
    ],
)
def test_output_strides_agree_where_their_grids_meet(encoder, tensorflow):
    """A dilated encoder computes the strided one's features at every second place."""
    torch.manual_seed(0)
    strided, dense = (encoder(stride, tensorflow=tensorflow).eval() for stride in (16, 8))
    dense.load_state_dict(strided.state_dict())
    x = torch.randn(1, 3, 49, 65)  # 1 + n * 16: the grids share their corners
    with torch.inference_mode():
        (low, wanted), (same_low, given) = strided(x), dense(x)
    torch.testing.assert_close(same_low, low)
    torch.testing.assert_close(given[..., ::2, ::2], wanted, rtol=1e-4, atol=1e-5)


def test_bubbliiiing_s_shortcuts_are_rectified():
    """Its ReLU works in place, on what the shortcut carries too."""
    torch.manual_seed(0)
    channels = (4, 4, 4, 4)
    plain, rectified = (
        Block(channels, eps=1e-5, rectify_shortcut=rectify).eval() for rectify in (False, True)
    )
    rectified.load_state_dict(plain.state_dict())
    x = torch.randn(1, 4, 5, 5)
    kept = x.clone()
    with torch.inference_mode():
        torch.testing.assert_close(rectified(x)[0] - plain(x)[0], x.relu() - x)
    assert torch.equal(x, kept)


def test_an_encoder_that_does_not_exist():
    with pytest.raises(InputError, match="resnet50"):
        deeplabv3plus_bubbliiiing.DeepLabV3Plus(3, encoder="resnet50")
