"""FCN over a dilated ResNet, torchvision's.

Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2014,
https://arxiv.org/abs/1411.4038.
"""

import functools

import torch
from torch import nn

from easyseg.checkpoints import StateDict
from easyseg.models import torchvision_family
from easyseg.models.backbones.resnet import ResNet
from easyseg.models.layers import ConvNorm
from easyseg.models.torchvision_family import record

CHANNELS = 512


class FCN(nn.Module):
    """FCN with a ResNet encoder: one 3x3 convolution and a classifier.

    Args:
        num_classes: Number of classes.
        depth: Of the encoder: 50 or 101.
        output_stride: 8 or 16; the same weights serve both, 8 is slower and what they were trained
            at.

    Raises:
        InputError: If the depth or the output stride does not exist.
    """

    def __init__(self, num_classes: int, *, depth: int = 50, output_stride: int = 8) -> None:
        super().__init__()
        self.encoder = ResNet(depth, output_stride=output_stride, deep_stem=False)
        self.decoder = ConvNorm(self.encoder.channels[-1], CHANNELS, 3)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at the output stride, (N, num_classes, h / 8, w / 8) by default, sides rounded
            up.
        """
        features = self.decoder(self.encoder(x)[-1])
        logits: torch.Tensor = self.classifier(self.dropout(features))
        return logits


def rename_keys(state_dict: StateDict) -> StateDict:
    """Renames torchvision's keys to ours; the auxiliary head is left out.

    Args:
        state_dict: The published state dict.

    Returns:
        A state dict for `FCN` of the same depth.
    """
    return torchvision_family.rename_keys(state_dict, _HEAD_PATTERNS)


_HEAD_PATTERNS = (
    (r"^classifier\.0\.", "decoder.conv."),
    (r"^classifier\.1\.", "decoder.norm."),
    (r"^classifier\.4\.", "classifier."),
)
_CLASSIFIER = "classifier.4.weight"

WEIGHTS = (
    record(
        "fcn_resnet50.coco_voc",
        "fcn_resnet50_coco-1167a1af.pth",
        60.5,
        91.4,
        title="FCN ResNet-50 (torchvision)",
        build=functools.partial(FCN, depth=50),
        parameters=32_957_013,
        classifier=_CLASSIFIER,
        rename=rename_keys,
    ),
    record(
        "fcn_resnet101.coco_voc",
        "fcn_resnet101_coco-7ecb50ca.pth",
        63.7,
        91.9,
        title="FCN ResNet-101 (torchvision)",
        build=functools.partial(FCN, depth=101),
        parameters=51_949_141,
        classifier=_CLASSIFIER,
        rename=rename_keys,
    ),
)
