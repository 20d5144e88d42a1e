import re

import pytest
import torch
from skeletons import empty

from easyseg import registry
from easyseg.errors import InputError
from easyseg.models import deeplabv3_torchvision, fcn_torchvision, lraspp
from easyseg.models.backbones.mobilenet_v3 import InvertedResidual, MobileNetV3Large

MODULES = (deeplabv3_torchvision, fcn_torchvision, lraspp)
NAMES = [
    "deeplabv3_resnet50.coco_voc",
    "deeplabv3_resnet101.coco_voc",
    "deeplabv3_mobilenet_v3_large.coco_voc",
    "fcn_resnet50.coco_voc",
    "fcn_resnet101.coco_voc",
    "lraspp_mobilenet_v3_large.coco_voc",
]

# Our keys, and what they are called in the published files; written down apart from the code's
# patterns, in the other direction.
ENCODER = (
    (r"^encoder\.stem\.0\.", "backbone.conv1."),
    (r"^encoder\.stem\.1\.", "backbone.bn1."),
    (r"^encoder\.blocks\.(\d+)\.layers\.", r"encoder.\1.block."),
    (r"^encoder\.blocks\.", "encoder."),
    (r"^encoder\.", "backbone."),
    (r"\.reduce\.", ".fc1."),
    (r"\.restore\.", ".fc2."),
)
NORM = ((r"\.conv\.", ".0."), (r"\.norm\.", ".1."))
DEEPLAB = (
    (r"^classifier\.", "classifier.4."),
    (r"^decoder\.conv\.", "classifier.1."),
    (r"^decoder\.norm\.", "classifier.2."),
    (r"^aspp\.pool\.conv\.", "classifier.0.convs.4.1."),
    (r"^aspp\.pool\.norm\.", "classifier.0.convs.4.2."),
    (r"^aspp\.branches\.", "classifier.0.convs."),
    (r"^aspp\.project\.", "classifier.0.project."),
)
FCN = (
    (r"^classifier\.", "classifier.4."),
    (r"^decoder\.conv\.", "classifier.0."),
    (r"^decoder\.norm\.", "classifier.1."),
)
LRASPP = (
    (r"^(low|high)_classifier\.", r"classifier.\1_classifier."),
    (r"^gate\.", "classifier.scale.1."),
    (r"^project\.", "classifier.cbr."),
)
HEADS = {"deeplabv3": DEEPLAB, "fcn": FCN, "lraspp": LRASPP}


def published_key(key: str, architecture: str) -> str:
    for pattern, replacement in (*ENCODER, *HEADS[architecture], *NORM):
        key = re.sub(pattern, replacement, key)
    return key


@pytest.mark.parametrize("name", NAMES)
def test_the_record_says_what_its_address_says(name):
    weights = registry.get(name)
    assert weights.label_set == "voc"
    assert re.fullmatch("[0-9a-f]{8}", weights.sha256)
    (url,) = weights.urls
    assert url.startswith(f"https://download.pytorch.org/models/{name.partition('.')[0]}")
    assert url.endswith(f"-{weights.sha256}.pth")
    assert "not VOC val" in weights.measured_on
    assert weights.output_stride == (16 if "mobilenet" in name else 8)
    assert 50 < weights.metrics["mIoU"] < 70 < weights.metrics["pixel accuracy"] < 100


@pytest.mark.parametrize("name", NAMES)
def test_published_keys_become_ours(name):
    weights = registry.get(name)
    ours = empty(name).state_dict()
    architecture = name.partition("_")[0]
    published = {published_key(key, architecture): tensor for key, tensor in ours.items()}
    assert {key.partition(".")[0] for key in published} == {"backbone", "classifier"}
    assert published[weights.classifier].shape[0] == 21
    renamed = weights.rename(published)
    assert list(renamed) == list(ours)
    assert all(renamed[key] is ours[key] for key in ours)


@pytest.mark.parametrize("module", MODULES)
def test_the_auxiliary_head_is_left_out_and_counters_are_added(module):
    one = torch.ones(1)
    given = {
        "aux_classifier.4.bias": one,
        "backbone.layer1.0.bn1.running_var": one,
        "somebody.else": one,
    }
    before = dict(given)
    assert module.rename_keys(given) == {
        "encoder.layer1.0.bn1.running_var": one,
        "encoder.layer1.0.bn1.num_batches_tracked": torch.tensor(0),
        "somebody.else": one,
    }
    assert given == before


@pytest.mark.parametrize(
    ("output_stride", "strides", "dilations"),
    [
        (16, [1, 2, 1, 2, 1, 1, 2] + [1] * 8, [1] * 12 + [2] * 3),
        (8, [1, 2, 1, 2, 1, 1, 1] + [1] * 8, [1] * 7 + [2] * 5 + [4] * 3),
    ],
)
def test_strides_of_mobilenet_v3_become_dilations(output_stride, strides, dilations):
    with torch.device("meta"):
        network = MobileNetV3Large(output_stride=output_stride)
    convolutions = [
        next(m for m in block.modules() if getattr(m, "groups", 1) > 1)
        for block in network.blocks
        if isinstance(block, InvertedResidual)
    ]
    assert [conv.stride[0] for conv in convolutions] == strides
    assert [conv.dilation[0] for conv in convolutions] == dilations


def test_rates_follow_the_resolution():
    def rates(build, stride):
        with torch.device("meta"):
            network = build(3, output_stride=stride)
        return [branch.conv.dilation[0] for branch in network.aspp.branches][1:]

    assert rates(deeplabv3_torchvision.build_resnet, 8) == [12, 24, 36]
    assert rates(deeplabv3_torchvision.build_resnet, 16) == [6, 12, 18]
    assert rates(deeplabv3_torchvision.build_mobilenet_v3, 16) == [12, 24, 36]
    assert rates(deeplabv3_torchvision.build_mobilenet_v3, 8) == [24, 48, 72]


def test_an_output_stride_that_does_not_exist():
    with pytest.raises(InputError, match="not 32"):
        lraspp.LRASPP(21, output_stride=32)
