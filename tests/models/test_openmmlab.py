import re

import pytest
import torch
from skeletons import empty
from torch.nn import functional as F

from easyseg import registry
from easyseg.errors import InputError
from easyseg.models import pspnet
from easyseg.models.backbones.mobilenet_v2 import MobileNetV2
from easyseg.models.backbones.resnet import ResNet
from easyseg.models.openmmlab_family import rename_keys

NAMES = [
    f"{architecture}_{encoder}.{data}"
    for architecture in ("deeplabv3", "deeplabv3plus", "pspnet", "upernet")
    for encoder in ("resnet50", "resnet101")
    for data in ("ade20k", "ade20k_80k", "voc", "voc_20k")
] + ["deeplabv3plus_mobilenet_v2.ade20k"]

# Our keys, and what they are called in the published files; written down apart from the code's
# patterns, in the other direction.
PUBLISHED = (
    (r"^encoder\.stem\.(conv|norm)", r"encoder.conv1.\1"),
    (r"^encoder\.(layer\d\.\d)\.layers\.", r"encoder.\1.conv."),
    (r"^encoder\.", "backbone."),
    (r"^classifier\.", "decode_head.conv_seg."),
    (r"^context\.pool\.", "decode_head.image_pool.1."),
    (r"^context\.levels\.(\d)\.", r"decode_head.psp_modules.\1.1."),
    (r"^context\.branches\.(\d)\.", r"decode_head.aspp_modules.\1."),
    (r"^context\.project\.", "decode_head.bottleneck."),
    (r"^low_level\.", "decode_head.c1_bottleneck."),
    (r"^decoder\.(\d)\.", r"decode_head.sep_bottleneck.\1."),
    (r"^laterals\.", "decode_head.lateral_convs."),
    (r"^smooth\.", "decode_head.fpn_convs."),
    (r"^fuse\.", "decode_head.fpn_bottleneck."),
    (r"\.(depth|point)wise\.", r".\1wise_conv."),
    (r"\.norm\.", ".bn."),
)


def published_key(key: str) -> str:
    for pattern, replacement in PUBLISHED:
        key = re.sub(pattern, replacement, key)
    return key


@pytest.mark.parametrize("name", NAMES)
def test_the_record_says_what_its_address_says(name):
    weights = registry.get(name)
    assert re.fullmatch("[0-9a-f]{8}|[0-9a-f]{64}", weights.sha256)
    (url,) = weights.urls
    assert url.startswith("https://download.openmmlab.com/mmsegmentation/v0.5/")
    assert url.endswith(f"-{weights.sha256[:8]}.pth")
    assert ("101" in weights.title) == ("r101" in url)
    assert weights.licence == "Apache-2.0"
    assert 30 < weights.metrics["mIoU"] < 80


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".ade20k")])
def test_published_keys_become_ours(name):
    ours = empty(name).state_dict()
    published = {published_key(key): tensor for key, tensor in ours.items()}
    assert {key.partition(".")[0] for key in published} == {"backbone", "decode_head"}
    assert registry.get(name).classifier in published
    renamed = rename_keys(published)
    assert list(renamed) == list(ours)
    assert all(renamed[key] is ours[key] for key in ours)


def test_the_auxiliary_head_is_left_out_and_counters_are_added():
    one = torch.ones(1)
    given = {
        "decode_head.conv_seg.bias": one,
        "backbone.layer1.0.bn1.running_var": one,
        "auxiliary_head.conv_seg.bias": one,
        "somebody.else": one,
    }
    before = dict(given)
    assert rename_keys(given) == {
        "classifier.bias": one,
        "encoder.layer1.0.bn1.running_var": one,
        "encoder.layer1.0.bn1.num_batches_tracked": torch.tensor(0),
        "somebody.else": one,
    }
    assert given == before


def test_dilation_keeps_the_pixels_that_each_kernel_sees():
    """At half the output stride, every second feature is the same in both directions."""
    torch.manual_seed(0)
    coarse = ResNet(50, output_stride=32, deep_stem=True).eval()
    x = torch.randn(1, 3, 35, 50)
    with torch.inference_mode():
        expected = coarse(x)
        for output_stride, step in ((16, 2), (8, 4)):
            fine = ResNet(50, output_stride=output_stride, deep_stem=True).eval()
            fine.load_state_dict(coarse.state_dict())
            features = fine(x)
            assert features[-1].shape[-1] == -(-50 // output_stride)
            torch.testing.assert_close(features[0], expected[0])
            torch.testing.assert_close(features[-1][..., ::step, ::step], expected[-1])


@pytest.mark.parametrize(("depth", "output_stride"), [(34, 8), (50, 4), (50, 64)])
def test_a_resnet_that_does_not_exist(depth, output_stride):
    with pytest.raises(InputError, match=str(depth if depth == 34 else output_stride)):
        ResNet(depth, output_stride=output_stride, deep_stem=True)


def test_mobilenet_v2_has_one_output_stride():
    with pytest.raises(InputError, match="must be 8, not 16"):
        MobileNetV2(output_stride=16)
    assert registry.get("deeplabv3plus_mobilenet_v2.ade20k").output_strides == (8,)


def test_mobilenet_v2_dilates_first_blocks_only():
    with torch.device("meta"):
        network = MobileNetV2()
    dilations = [
        [conv.dilation[0] for conv in layer.modules() if getattr(conv, "groups", 1) > 1]
        for layer in (network.layer4, network.layer5, network.layer6, network.layer7)
    ]
    assert dilations == [[2, 1, 1, 1], [2, 1, 1], [4, 1, 1], [4]]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 5), (13, 21)])
def test_pyramid_pooling_is_that_of_enlarged_grids(size):
    torch.manual_seed(0)
    pooling = pspnet.PyramidPooling(8).eval()
    x = torch.randn(2, 8, *size)
    with torch.inference_mode():
        parts = [x]
        for scale, level in zip((1, 2, 3, 6), pooling.levels, strict=True):
            grid = level(F.adaptive_avg_pool2d(x, scale))
            parts.append(F.interpolate(grid, size, mode="bilinear", align_corners=False))
        torch.testing.assert_close(
            pooling(x), pooling.project(torch.cat(parts, 1)), rtol=1e-4, atol=1e-5
        )
