"""MobileNetV2 as OpenMMLab dilates it for segmentation.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
https://arxiv.org/abs/1801.04381.
"""

from typing import NamedTuple

import torch
from torch import nn

from easyseg.errors import InputError
from easyseg.models.layers import ConvNorm


class Layer(NamedTuple):
    """One row of the MobileNetV2 table, with the stride and the dilation of its first block."""

    expansion: int
    channels: int
    depth: int
    stride: int
    dilation: int


LAYERS = (
    Layer(1, 16, 1, 1, 1),
    Layer(6, 24, 2, 2, 1),
    Layer(6, 32, 3, 2, 1),
    Layer(6, 64, 4, 1, 2),
    Layer(6, 96, 3, 1, 2),
    Layer(6, 160, 3, 1, 4),
    Layer(6, 320, 1, 1, 4),
)
STEM_CHANNELS = 32
LOW_LEVEL_LAYER = 1
OUTPUT_STRIDE = 8


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project, and a shortcut where it fits.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        expansion: How many times wider the inside is; 1 leaves the expansion out.
        stride: Stride of the depthwise convolution.
        dilation: Dilation of the depthwise convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        self.layers = nn.Sequential()
        if expansion > 1:
            self.layers.append(ConvNorm(in_channels, hidden, activation=nn.ReLU6))
        self.layers.append(
            ConvNorm(
                hidden,
                hidden,
                3,
                stride=stride,
                dilation=dilation,
                groups=hidden,
                activation=nn.ReLU6,
            )
        )
        self.layers.append(ConvNorm(hidden, out_channels, activation=None))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride), rounded up."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.shortcut else y


class MobileNetV2(nn.Module):
    """MobileNetV2 at output stride 8, without its last 1x1 convolution and its classifier.

    Only the first block of each layer is dilated, as in OpenMMLab's training. Its weights therefore
    fit no other output stride: the kernels of the other blocks would see other pixels.

    Args:
        output_stride: 8.

    Attributes:
        channels: Channels of the two feature maps.

    Raises:
        InputError: If the output stride is another.
    """

    def __init__(self, *, output_stride: int = OUTPUT_STRIDE) -> None:
        super().__init__()
        if output_stride != OUTPUT_STRIDE:
            raise InputError(f"output_stride must be {OUTPUT_STRIDE}, not {output_stride!r}")
        self.channels = (LAYERS[LOW_LEVEL_LAYER].channels, LAYERS[-1].channels)
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, stride=2, activation=nn.ReLU6)
        channels = STEM_CHANNELS
        for index, row in enumerate(LAYERS):
            layer = nn.Sequential()
            for position in range(row.depth):
                first = position == 0
                layer.append(
                    InvertedResidual(
                        channels,
                        row.channels,
                        expansion=row.expansion,
                        stride=row.stride if first else 1,
                        dilation=row.dilation if first else 1,
                    )
                )
                channels = row.channels
            self.add_module(f"layer{index + 1}", layer)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Computes the features that a decoder needs.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at stride 4, (N, 24, h / 4, w / 4), and at stride 8, (N, 320, h / 8, w / 8);
            sides rounded up.
        """
        x = self.stem(x)
        low_level = x
        for index in range(len(LAYERS)):
            x = self.get_submodule(f"layer{index + 1}")(x)
            if index == LOW_LEVEL_LAYER:
                low_level = x
        return low_level, x
