"""DeepLabV3+ with MobileNetV2 in the layout of Google's release: the family of the built-in models.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
2018, https://arxiv.org/abs/1802.02611, with the light head of Sandler et al., "MobileNetV2:
Inverted Residuals and Linear Bottlenecks", 2018, https://arxiv.org/abs/1801.04381, section 6.3:
image pooling and a 1x1 convolution instead of the atrous branches. The layers are those of
https://github.com/tensorflow/models/tree/master/research/deeplab; the refining decoder is ours.
"""

import functools

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.backbones.mobilenet_v2_deeplab import MobileNetV2
from easyseg.models.layers import ConvNorm, SeparableConv
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

CHANNELS = 256
OUTPUT_STRIDES = (8, 16)

conv = functools.partial(ConvNorm, bias=True, eps=None)
separable_conv = functools.partial(SeparableConv, bias=True, eps=None)


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ with MobileNetV2; all normalisations are folded into the convolutions.

    Pictures are best of 16k + 1 pixels each way: then every layer's corners lie on each other.

    Args:
        num_classes: Number of classes.
        output_stride: 8 or 16; the same weights serve both, smaller is slower and finer.
        refine: The decoder. False is the paper's, which classifies the enlarged features beside
            the low-level ones. True classifies the coarse features first, and adds to the enlarged
            logits what a narrower decoder finds missing: the answer without it is good already, so
            that it can be learnt from few photographs.

    Raises:
        InputError: If the output stride is not one of these.
    """

    def __init__(self, num_classes: int, *, output_stride: int = 16, refine: bool = False) -> None:
        super().__init__()
        self.encoder = MobileNetV2(output_stride, folded=True, low_level="inside")
        self.pool = conv(self.encoder.channels, CHANNELS)
        self.pointwise = conv(self.encoder.channels, CHANNELS)
        self.project = conv(2 * CHANNELS, CHANNELS)
        self.refine = refine
        low_level_channels, channels = (32, 128) if refine else (48, 256)
        self.low_level = conv(self.encoder.low_level_channels, low_level_channels)
        self.decoder = nn.Sequential(
            separable_conv(CHANNELS + low_level_channels, channels),
            separable_conv(channels, channels),
        )
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        self.coarse_classifier = nn.Conv2d(CHANNELS, num_classes, 1) if refine else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w), RGB in -1..1.

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up; their corners lie
            on the pictures'.
        """
        low_level, x = self.encoder(x)
        low_level = self.low_level(low_level)
        pooled = self.pool(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        x = self.project(torch.cat([pooled, self.pointwise(x)], 1))
        enlarged = _enlarge(x, low_level)
        logits: torch.Tensor = self.classifier(self.decoder(torch.cat([enlarged, low_level], 1)))
        if self.coarse_classifier is not None:
            logits = logits + _enlarge(self.coarse_classifier(x), low_level)
        return logits


def _enlarge(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)


def _preprocess(size: int) -> Preprocess:
    return Preprocess(
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        resize="long_side",
        size=size,
        corner_stride=16,
        interpolation="antialiased",
        align_corners=True,
    )


TTA_SCALES = (1.0,)
"""Other sizes gain nothing: on VOC six views had 72.3 mIoU, two of one size 73.0, one 72.2."""

VOC = Weights(
    name="deeplabv3plus_mobilenet_v2_tensorflow.voc",
    title="DeepLabV3+ MobileNetV2 (refining)",
    build=functools.partial(DeepLabV3Plus, refine=True),
    num_classes=21,
    label_set="voc",
    preprocess=_preprocess(513),
    output_stride=16,
    output_strides=OUTPUT_STRIDES,
    tta_scales=TTA_SCALES,
    classifier="coarse_classifier.weight",
    file="deeplabv3plus_mobilenet_v2_tensorflow.voc.pt",
    sha256="bbd9e0000a4e55699b23f6327c5e09159973ec2446714662fdba81a1bf7ce656",
    size=4_362_635,
    parameters=2_162_026,
    licence="Apache-2.0",
    source="weights/deeplabv3plus_mobilenet_v2_tensorflow.voc.md",
    metrics={"mIoU": 73.09, "pixel accuracy": 94.65},
    bf16_loss=0.0,
    measured_on="161 images of the PASCAL VOC 2012 val list, single scale, original size",
    tiers=("builtin", "live", "fast"),
)

ADE20K = Weights(
    name="deeplabv3plus_mobilenet_v2_tensorflow.ade20k",
    title="DeepLabV3+ MobileNetV2",
    build=functools.partial(DeepLabV3Plus, refine=False),
    num_classes=150,
    label_set="ade20k",
    preprocess=_preprocess(385),
    output_stride=16,
    output_strides=OUTPUT_STRIDES,
    tta_scales=TTA_SCALES,
    classifier="classifier.weight",
    file="deeplabv3plus_mobilenet_v2_tensorflow.ade20k.pt",
    sha256="4202d93129986809fc441b949327d6375c34450bfdb71656c1eac17197b1eeaa",
    size=4_616_453,
    parameters=2_286_598,
    licence="Apache-2.0",
    source="weights/deeplabv3plus_mobilenet_v2_tensorflow.ade20k.md",
    metrics={"pixel accuracy": 85.46, "mIoU": 31.74},
    bf16_loss=0.0,
    measured_on="14 images of the ADE20K val list, single scale, original size",
    tiers=("builtin", "live"),
)

WEIGHTS = (VOC, ADE20K)
