"""DeepLabV3 over ResNet and MobileNetV3-Large, torchvision's.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017,
https://arxiv.org/abs/1706.05587.
"""

import functools

import torch
from torch import nn

from easyseg.checkpoints import StateDict
from easyseg.models import torchvision_family
from easyseg.models.backbones.mobilenet_v3 import MobileNetV3Large
from easyseg.models.backbones.resnet import ResNet
from easyseg.models.layers import ConvNorm
from easyseg.models.torchvision_family import record

ATROUS_RATES = (12, 24, 36)
"""Rates at the output stride of the training."""

CHANNELS = 256


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling.

    Args:
        in_channels: Channels of the features.
        rates: Dilation of each atrous branch.
    """

    def __init__(self, in_channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([ConvNorm(in_channels, CHANNELS)])
        for rate in rates:
            self.branches.append(ConvNorm(in_channels, CHANNELS, 3, dilation=rate))
        self.pool = ConvNorm(in_channels, CHANNELS)
        self.project = ConvNorm((len(rates) + 2) * CHANNELS, CHANNELS)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, CHANNELS, h, w)."""
        pooled = self.pool(x.mean((2, 3), keepdim=True))
        parts = [*(branch(x) for branch in self.branches), pooled.expand(-1, -1, *x.shape[2:])]
        out: torch.Tensor = self.dropout(self.project(torch.cat(parts, 1)))
        return out


class DeepLabV3(nn.Module):
    """DeepLabV3 with an encoder whose last features are its coarsest.

    Args:
        num_classes: Number of classes.
        encoder: The encoder.
        rates: Dilation of each atrous branch.
    """

    def __init__(
        self, num_classes: int, encoder: ResNet | MobileNetV3Large, rates: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.aspp = ASPP(encoder.channels[-1], rates)
        self.decoder = ConvNorm(CHANNELS, CHANNELS, 3)
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at the encoder's output stride, (N, num_classes, h / stride, w / stride), sides
            rounded up.
        """
        features = self.aspp(self.encoder(x)[-1])
        logits: torch.Tensor = self.classifier(self.decoder(features))
        return logits


def build_resnet(num_classes: int, *, depth: int = 50, output_stride: int = 8) -> DeepLabV3:
    """Builds DeepLabV3 with a ResNet encoder.

    Args:
        num_classes: Number of classes.
        depth: 50 or 101.
        output_stride: 8 or 16; the same weights serve both, 8 is slower and what they were trained
            at.

    Returns:
        The untrained network.

    Raises:
        InputError: If the depth or the output stride does not exist.
    """
    encoder = ResNet(depth, output_stride=output_stride, deep_stem=False)
    rates = tuple(rate * 8 // output_stride for rate in ATROUS_RATES)
    return DeepLabV3(num_classes, encoder, rates)


def build_mobilenet_v3(num_classes: int, *, output_stride: int = 16) -> DeepLabV3:
    """Builds DeepLabV3 with a MobileNetV3-Large encoder.

    Args:
        num_classes: Number of classes.
        output_stride: 8 or 16; the same weights serve both, 16 is faster and what they were trained
            at.

    Returns:
        The untrained network.

    Raises:
        InputError: If the output stride does not exist.
    """
    encoder = MobileNetV3Large(output_stride=output_stride)
    rates = tuple(rate * 16 // output_stride for rate in ATROUS_RATES)
    return DeepLabV3(num_classes, encoder, rates)


def rename_keys(state_dict: StateDict) -> StateDict:
    """Renames torchvision's keys to ours; the auxiliary head is left out.

    Args:
        state_dict: The published state dict.

    Returns:
        A state dict for `DeepLabV3` with the same encoder.
    """
    return torchvision_family.rename_keys(state_dict, _HEAD_PATTERNS)


_HEAD_PATTERNS = (
    (r"^classifier\.0\.convs\.4\.1\.", "aspp.pool.conv."),
    (r"^classifier\.0\.convs\.4\.2\.", "aspp.pool.norm."),
    (r"^classifier\.0\.convs\.(\d)\.0\.", r"aspp.branches.\1.conv."),
    (r"^classifier\.0\.convs\.(\d)\.1\.", r"aspp.branches.\1.norm."),
    (r"^classifier\.0\.project\.0\.", "aspp.project.conv."),
    (r"^classifier\.0\.project\.1\.", "aspp.project.norm."),
    (r"^classifier\.1\.", "decoder.conv."),
    (r"^classifier\.2\.", "decoder.norm."),
    (r"^classifier\.4\.", "classifier."),
)
_CLASSIFIER = "classifier.4.weight"

WEIGHTS = (
    record(
        "deeplabv3_resnet50.coco_voc",
        "deeplabv3_resnet50_coco-cd0a2569.pth",
        66.4,
        92.4,
        title="DeepLabV3 ResNet-50 (torchvision)",
        build=functools.partial(build_resnet, depth=50),
        parameters=39_638_869,
        classifier=_CLASSIFIER,
        rename=rename_keys,
    ),
    record(
        "deeplabv3_resnet101.coco_voc",
        "deeplabv3_resnet101_coco-586e9e4e.pth",
        67.4,
        92.4,
        title="DeepLabV3 ResNet-101 (torchvision)",
        build=functools.partial(build_resnet, depth=101),
        parameters=58_630_997,
        classifier=_CLASSIFIER,
        rename=rename_keys,
    ),
    record(
        "deeplabv3_mobilenet_v3_large.coco_voc",
        "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
        60.3,
        91.2,
        title="DeepLabV3 MobileNetV3-Large (torchvision)",
        build=build_mobilenet_v3,
        parameters=11_025_477,
        classifier=_CLASSIFIER,
        rename=rename_keys,
        output_stride=16,
    ),
)
