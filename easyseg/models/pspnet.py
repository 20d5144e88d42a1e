"""PSPNet over ResNet, OpenMMLab's.

Zhao et al., "Pyramid Scene Parsing Network", 2016, https://arxiv.org/abs/1612.01105.
"""

import functools

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.backbones.resnet import ResNet
from easyseg.models.enlarged import mix_levels
from easyseg.models.layers import ConvNorm
from easyseg.models.openmmlab_family import record

SCALES = (1, 2, 3, 6)
"""Sides of the grids that the features are pooled to."""

CHANNELS = 512


class PyramidPooling(nn.Module):
    """The features, and what they are on average in coarse grids, brought together.

    The answer is that of enlarging each grid bilinearly and convolving all of it with the features,
    but the grids are convolved as they are. That replaces half of the largest convolution, and
    saves a fifth of the time of the whole network.

    Args:
        in_channels: Channels of the features.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(ConvNorm(in_channels, CHANNELS) for _ in SCALES)
        self.project = ConvNorm(in_channels + len(SCALES) * CHANNELS, CHANNELS, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, CHANNELS, h, w)."""
        grids = [
            level(F.adaptive_avg_pool2d(x, scale))
            for scale, level in zip(SCALES, self.levels, strict=True)
        ]
        return mix_levels(self.project, x, grids)


class PSPNet(nn.Module):
    """PSPNet with a ResNetV1c encoder.

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
        self.context = PyramidPooling(self.encoder.channels[-1])
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
    title="PSPNet ResNet-50 (OpenMMLab)",
    build=functools.partial(PSPNet, depth=50),
    parameters={"ade20k": 46_678_006, "voc": 46_611_829},
)
_RESNET101 = functools.partial(
    record,
    title="PSPNet ResNet-101 (OpenMMLab)",
    build=functools.partial(PSPNet, depth=101),
    parameters={"ade20k": 65_670_134, "voc": 65_603_957},
)

WEIGHTS = (
    _RESNET50(
        "pspnet_resnet50.ade20k",
        "pspnet/pspnet_r50-d8_512x512_160k_ade20k",
        "20200615_184358-1890b0bd",
        42.48,
    ),
    _RESNET50(
        "pspnet_resnet50.ade20k_80k",
        "pspnet/pspnet_r50-d8_512x512_80k_ade20k",
        "20200615_014128-15a8b914",
        41.13,
    ),
    _RESNET50(
        "pspnet_resnet50.voc",
        "pspnet/pspnet_r50-d8_512x512_40k_voc12aug",
        "20200613_161222-ae9c1b8c",
        77.29,
    ),
    _RESNET50(
        "pspnet_resnet50.voc_20k",
        "pspnet/pspnet_r50-d8_512x512_20k_voc12aug",
        "20200617_101958-ed5dfbd9",
        76.78,
        sha256="ed5dfbd939dd2e4f78a0c2e6726a57150f3aec95e07f2cf64aeffea68a712c5b",
        size=196_212_259,
    ),
    _RESNET101(
        "pspnet_resnet101.ade20k",
        "pspnet/pspnet_r101-d8_512x512_160k_ade20k",
        "20200615_100650-967c316f",
        44.39,
    ),
    _RESNET101(
        "pspnet_resnet101.ade20k_80k",
        "pspnet/pspnet_r101-d8_512x512_80k_ade20k",
        "20200614_031423-b6e782f0",
        43.57,
    ),
    _RESNET101(
        "pspnet_resnet101.voc",
        "pspnet/pspnet_r101-d8_512x512_40k_voc12aug",
        "20200613_161222-bc933b18",
        78.52,
    ),
    _RESNET101(
        "pspnet_resnet101.voc_20k",
        "pspnet/pspnet_r101-d8_512x512_20k_voc12aug",
        "20200617_102003-4aef3c9a",
        78.47,
    ),
)
