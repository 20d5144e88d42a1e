"""DeepLabV3+ over ResNet and MobileNetV2, OpenMMLab's.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
2018, https://arxiv.org/abs/1802.02611.
"""

import functools

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.backbones.mobilenet_v2 import MobileNetV2
from easyseg.models.backbones.resnet import ResNet
from easyseg.models.deeplabv3_openmmlab import ASPP, CHANNELS
from easyseg.models.layers import ConvNorm, SeparableConv
from easyseg.models.openmmlab_family import record

LOW_LEVEL_CHANNELS = 48


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ with an encoder that gives features at stride 4 first and its coarsest last.

    Args:
        num_classes: Number of classes.
        encoder: The encoder.
        output_stride: Of the encoder's last features.
    """

    def __init__(
        self, num_classes: int, encoder: ResNet | MobileNetV2, *, output_stride: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.context = ASPP(encoder.channels[-1], output_stride=output_stride, separable=True)
        self.low_level = ConvNorm(encoder.channels[0], LOW_LEVEL_CHANNELS)
        self.decoder = nn.Sequential(
            SeparableConv(CHANNELS + LOW_LEVEL_CHANNELS, CHANNELS),
            SeparableConv(CHANNELS, CHANNELS),
        )
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up.
        """
        features = self.encoder(x)
        low_level = self.low_level(features[0])
        context = F.interpolate(
            self.context(features[-1]), low_level.shape[2:], mode="bilinear", align_corners=False
        )
        decoded = self.decoder(torch.cat([context, low_level], 1))
        logits: torch.Tensor = self.classifier(self.dropout(decoded))
        return logits


def build_resnet(num_classes: int, *, depth: int = 50, output_stride: int = 8) -> DeepLabV3Plus:
    """Builds DeepLabV3+ with a ResNetV1c encoder.

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
    encoder = ResNet(depth, output_stride=output_stride, deep_stem=True)
    return DeepLabV3Plus(num_classes, encoder, output_stride=output_stride)


def build_mobilenet_v2(num_classes: int, *, output_stride: int = 8) -> DeepLabV3Plus:
    """Builds DeepLabV3+ with a MobileNetV2 encoder.

    Args:
        num_classes: Number of classes.
        output_stride: 8.

    Returns:
        The untrained network.

    Raises:
        InputError: If the output stride is another.
    """
    encoder = MobileNetV2(output_stride=output_stride)
    return DeepLabV3Plus(num_classes, encoder, output_stride=output_stride)


_RESNET50 = functools.partial(
    record,
    title="DeepLabV3+ ResNet-50 (OpenMMLab)",
    build=functools.partial(build_resnet, depth=50),
    parameters={"ade20k": 41_292_390, "voc": 41_226_213},
)
_RESNET101 = functools.partial(
    record,
    title="DeepLabV3+ ResNet-101 (OpenMMLab)",
    build=functools.partial(build_resnet, depth=101),
    parameters={"ade20k": 60_284_518, "voc": 60_218_341},
)
_MOBILENET_V2 = functools.partial(
    record,
    title="DeepLabV3+ MobileNetV2 (OpenMMLab)",
    build=build_mobilenet_v2,
    parameters={"ade20k": 15_084_998},
    output_strides=(8,),
)

WEIGHTS = (
    _RESNET50(
        "deeplabv3plus_resnet50.ade20k",
        "deeplabv3plus/deeplabv3plus_r50-d8_512x512_160k_ade20k",
        "20200615_124504-6135c7e0",
        43.95,
    ),
    _RESNET50(
        "deeplabv3plus_resnet50.ade20k_80k",
        "deeplabv3plus/deeplabv3plus_r50-d8_512x512_80k_ade20k",
        "20200614_185028-bf1400d8",
        42.72,
    ),
    _RESNET50(
        "deeplabv3plus_resnet50.voc",
        "deeplabv3plus/deeplabv3plus_r50-d8_512x512_40k_voc12aug",
        "20200613_161759-e1b43aa9",
        76.81,
        tiers=("balanced",),
    ),
    _RESNET50(
        "deeplabv3plus_resnet50.voc_20k",
        "deeplabv3plus/deeplabv3plus_r50-d8_512x512_20k_voc12aug",
        "20200617_102323-aad58ef1",
        75.93,
    ),
    _RESNET101(
        "deeplabv3plus_resnet101.ade20k",
        "deeplabv3plus/deeplabv3plus_r101-d8_512x512_160k_ade20k",
        "20200615_123232-38ed86bb",
        45.47,
    ),
    _RESNET101(
        "deeplabv3plus_resnet101.ade20k_80k",
        "deeplabv3plus/deeplabv3plus_r101-d8_512x512_80k_ade20k",
        "20200615_014139-d5730af7",
        44.6,
    ),
    _RESNET101(
        "deeplabv3plus_resnet101.voc",
        "deeplabv3plus/deeplabv3plus_r101-d8_512x512_40k_voc12aug",
        "20200613_205333-faf03387",
        78.62,
        tiers=("best",),
    ),
    _RESNET101(
        "deeplabv3plus_resnet101.voc_20k",
        "deeplabv3plus/deeplabv3plus_r101-d8_512x512_20k_voc12aug",
        "20200617_102345-c7ff3d56",
        77.22,
    ),
    _MOBILENET_V2(
        "deeplabv3plus_mobilenet_v2.ade20k",
        "mobilenet_v2/deeplabv3plus_m-v2-d8_512x512_160k_ade20k",
        "20200825_223255-465a01d4",
        34.02,
    ),
)
