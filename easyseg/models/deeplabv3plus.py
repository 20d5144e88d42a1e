"""DeepLabV3+ over EfficientNet-Lite, for trainings that begin with ImageNet's weights.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
2018, https://arxiv.org/abs/1802.02611.
"""

import functools

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.backbones.efficientnet_lite import EPS, MOMENTUM, EfficientNetLite, conv_norm
from easyseg.models.layers import SeparableConv
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

ATROUS_RATES = (4, 8, 12)
"""Rates at output stride 16; they grow and shrink with the resolution of the features. The paper's
are half as large again, for pictures twice as wide as the crops that ours are trained on: a tap
that always lies outside of the crop learns nothing, and disturbs on a larger picture."""

separable_conv = functools.partial(SeparableConv, eps=EPS, momentum=MOMENTUM, activation=nn.ReLU6)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling with depthwise-separable branches and image pooling.

    A 1x1 convolution brings the features to the branches' width first, so that the atrous branches
    cost a third of the paper's.

    Args:
        in_channels: Channels of the features.
        channels: Width of every branch and of the result.
        rates: Dilation of each atrous branch.
    """

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.pointwise = conv_norm(in_channels, channels)
        self.reduce = conv_norm(in_channels, channels)
        self.branches = nn.ModuleList(
            separable_conv(channels, channels, dilation=rate) for rate in rates
        )
        self.pool = nn.Conv2d(in_channels, channels, 1)
        self.project = conv_norm((len(rates) + 2) * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, channels, h, w)."""
        reduced = self.reduce(x)
        pooled = F.relu(self.pool(x.mean((2, 3), keepdim=True)))
        parts = [self.pointwise(x), *(branch(reduced) for branch in self.branches)]
        parts.append(pooled.expand(-1, -1, *x.shape[2:]))
        out: torch.Tensor = self.project(torch.cat(parts, 1))
        return out


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ with an EfficientNet-Lite encoder.

    Args:
        num_classes: Number of classes.
        encoder_size: Size of EfficientNet-Lite: 0, 1 or 2.
        output_stride: 8, 16 or 32; the same weights serve all three, smaller is slower and finer.
        aspp_channels: Width of the ASPP.
        decoder_channels: Width of the decoder.
        low_level_channels: Width that the features at stride 4 are brought to.

    Raises:
        InputError: If the encoder's size or the output stride does not exist.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder_size: int = 0,
        output_stride: int = 16,
        aspp_channels: int = 128,
        decoder_channels: int = 128,
        low_level_channels: int = 32,
    ) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(encoder_size, output_stride)
        rates = tuple(max(1, rate * 16 // output_stride) for rate in ATROUS_RATES)
        self.aspp = ASPP(self.encoder.channels, aspp_channels, rates)
        self.dropout = nn.Dropout2d(0.1)
        self.low_level = conv_norm(self.encoder.low_level_channels, low_level_channels)
        self.decoder = nn.Sequential(
            separable_conv(aspp_channels + low_level_channels, decoder_channels),
            separable_conv(decoder_channels, decoder_channels),
        )
        self.classifier = nn.Conv2d(decoder_channels, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up.
        """
        low_level, features = self.encoder(x)
        features = self.dropout(self.aspp(features))
        low_level = self.low_level(low_level)
        features = F.interpolate(
            features, low_level.shape[2:], mode="bilinear", align_corners=False
        )
        logits: torch.Tensor = self.classifier(self.decoder(torch.cat([features, low_level], 1)))
        return logits


PREPROCESS = Preprocess(
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
    scale=1.0,
    resize="long_side",
    size=384,
)
"""EfficientNet-Lite's scaling. Larger pictures were measured to be no better, and sides that are no
multiple of anything to do as well as padded ones."""


def _architecture(label_set: str, num_classes: int, parameters: int) -> Weights:
    """A record without weights, for trainings and the files that they make."""
    return Weights(
        name=f"deeplabv3plus_efficientnet_lite0.{label_set}",
        title="DeepLabV3+ EfficientNet-Lite0",
        build=functools.partial(DeepLabV3Plus, encoder_size=0, output_stride=32),
        num_classes=num_classes,
        label_set=label_set,
        preprocess=PREPROCESS,
        output_stride=32,
        classifier="classifier.weight",
        sha256="",
        size=0,
        parameters=parameters,
        licence="MIT",
        source="",
        metrics={},
        measured_on="",
    )


WEIGHTS = (_architecture("voc", 21, 3_262_773), _architecture("ade20k", 150, 3_279_414))
