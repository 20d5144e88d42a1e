"""DeepLabV3 over ResNet, OpenMMLab's.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017,
https://arxiv.org/abs/1706.05587.
"""

import functools

import torch
from torch import nn

from easyseg.models.backbones.resnet import ResNet
from easyseg.models.enlarged import mix_levels
from easyseg.models.layers import ConvNorm, SeparableConv
from easyseg.models.openmmlab_family import record

ATROUS_RATES = (12, 24, 36)
"""Rates at output stride 8; they shrink with the resolution of the features."""

CHANNELS = 512


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling.

    Args:
        in_channels: Channels of the features.
        output_stride: Of the features: the rates follow it.
        separable: Whether the atrous convolutions are depthwise-separable, as in DeepLabV3+.
    """

    def __init__(self, in_channels: int, *, output_stride: int, separable: bool) -> None:
        super().__init__()
        rates = [rate * 8 // output_stride for rate in ATROUS_RATES]
        self.pool = ConvNorm(in_channels, CHANNELS)
        self.branches = nn.ModuleList([ConvNorm(in_channels, CHANNELS)])
        for rate in rates:
            self.branches.append(
                SeparableConv(in_channels, CHANNELS, dilation=rate)
                if separable
                else ConvNorm(in_channels, CHANNELS, 3, dilation=rate)
            )
        self.project = ConvNorm((len(rates) + 2) * CHANNELS, CHANNELS, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, CHANNELS, h, w)."""
        # What was pooled is the same everywhere: it needs no feature map, and no fifth of the
        # largest convolution.
        pooled = self.pool(x.mean((2, 3), keepdim=True))
        branches = torch.cat([branch(x) for branch in self.branches], 1)
        return mix_levels(self.project, branches, [pooled], coarse_first=True)


class DeepLabV3(nn.Module):
    """DeepLabV3 with a ResNetV1c encoder.

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
        self.encoder = ResNet(depth, output_stride=output_stride, deep_stem=True)
        self.context = ASPP(self.encoder.channels[-1], output_stride=output_stride, separable=False)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at the output stride, (N, num_classes, h / 8, w / 8) by default, sides rounded
            up.
        """
        features = self.context(self.encoder(x)[-1])
        logits: torch.Tensor = self.classifier(self.dropout(features))
        return logits


_RESNET50 = functools.partial(
    record,
    title="DeepLabV3 ResNet-50 (OpenMMLab)",
    build=functools.partial(DeepLabV3, depth=50),
    parameters={"ade20k": 65_815_542, "voc": 65_749_365},
)
_RESNET101 = functools.partial(
    record,
    title="DeepLabV3 ResNet-101 (OpenMMLab)",
    build=functools.partial(DeepLabV3, depth=101),
    parameters={"ade20k": 84_807_670, "voc": 84_741_493},
)

WEIGHTS = (
    _RESNET50(
        "deeplabv3_resnet50.ade20k",
        "deeplabv3/deeplabv3_r50-d8_512x512_160k_ade20k",
        "20200615_123227-5d0ee427",
        42.66,
    ),
    _RESNET50(
        "deeplabv3_resnet50.ade20k_80k",
        "deeplabv3/deeplabv3_r50-d8_512x512_80k_ade20k",
        "20200614_185028-0bb3f844",
        42.42,
    ),
    _RESNET50(
        "deeplabv3_resnet50.voc",
        "deeplabv3/deeplabv3_r50-d8_512x512_40k_voc12aug",
        "20200613_161546-2ae96e7e",
        77.68,
    ),
    _RESNET50(
        "deeplabv3_resnet50.voc_20k",
        "deeplabv3/deeplabv3_r50-d8_512x512_20k_voc12aug",
        "20200617_010906-596905ef",
        76.17,
    ),
    _RESNET101(
        "deeplabv3_resnet101.ade20k",
        "deeplabv3/deeplabv3_r101-d8_512x512_160k_ade20k",
        "20200615_105816-b1f72b3b",
        45.0,
    ),
    _RESNET101(
        "deeplabv3_resnet101.ade20k_80k",
        "deeplabv3/deeplabv3_r101-d8_512x512_80k_ade20k",
        "20200615_021256-d89c7fa4",
        44.08,
    ),
    _RESNET101(
        "deeplabv3_resnet101.voc",
        "deeplabv3/deeplabv3_r101-d8_512x512_40k_voc12aug",
        "20200613_161432-0017d784",
        77.92,
    ),
    _RESNET101(
        "deeplabv3_resnet101.voc_20k",
        "deeplabv3/deeplabv3_r101-d8_512x512_20k_voc12aug",
        "20200617_010932-8d13832f",
        78.7,
    ),
)
