"""MobileNetV2 as DeepLab uses it: dilated instead of strided from some depth on.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
https://arxiv.org/abs/1801.04381.
"""

from typing import NamedTuple

import torch
from torch import nn

from easyseg.errors import InputError
from easyseg.models.layers import ConvNorm

OUTPUT_STRIDES = (8, 16, 32)
STEM_CHANNELS = 32
TENSORFLOW_EPS = 1e-3
PYTORCH_EPS = 1e-5


class Stage(NamedTuple):
    """One row of the paper's table 2."""

    expansion: int
    channels: int
    depth: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project, and a shortcut where it fits.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        stride: Stride of the depthwise convolution.
        dilation: Dilation of the depthwise convolution.
        expansion: How many times wider the inside is; 1 leaves the expansion out.
        eps: Of the normalisations.
        same_padding: See `ConvNorm`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        dilation: int,
        expansion: int,
        eps: float,
        same_padding: bool,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        self.expand = (
            ConvNorm(in_channels, hidden, eps=eps, activation=nn.ReLU6)
            if expansion > 1
            else nn.Identity()
        )
        self.depthwise = ConvNorm(
            hidden,
            hidden,
            3,
            stride=stride,
            dilation=dilation,
            groups=hidden,
            eps=eps,
            activation=nn.ReLU6,
            same_padding=same_padding,
        )
        self.project = ConvNorm(hidden, out_channels, eps=eps, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride), rounded up."""
        y: torch.Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class MobileNetV2(nn.Module):
    """MobileNetV2 of width 1 without its last convolution and classification head.

    The same weights serve every output stride: where a stride is taken away, the convolutions
    behind it are dilated instead; the block that loses it keeps the dilation of the one before.

    Args:
        output_stride: 8, 16 or 32: how many times smaller than the picture the last features are.
        tensorflow: Whether the weights were trained in TensorFlow: padding is then its "SAME", and
            the normalisations' eps 1e-3 instead of 1e-5.

    Attributes:
        low_level_channels: Channels of the features at stride 4.
        channels: Channels of the last features.

    Raises:
        InputError: If the output stride is not one of these.
    """

    low_level_channels = 24
    low_level_index = 2
    channels = 320

    def __init__(self, output_stride: int = 16, *, tensorflow: bool = True) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        eps = TENSORFLOW_EPS if tensorflow else PYTORCH_EPS
        self.stem = ConvNorm(
            3, STEM_CHANNELS, 3, stride=2, eps=eps, activation=nn.ReLU6, same_padding=tensorflow
        )
        self.blocks = nn.ModuleList()
        channels, current_stride, dilation = STEM_CHANNELS, 2, 1
        for stage in STAGES:
            for position in range(stage.depth):
                stride, block_dilation = (stage.stride if position == 0 else 1), dilation
                if stride == 2 and current_stride >= output_stride:
                    stride, dilation = 1, dilation * 2
                self.blocks.append(
                    InvertedResidual(
                        channels,
                        stage.channels,
                        stride=stride,
                        dilation=block_dilation,
                        expansion=stage.expansion,
                        eps=eps,
                        same_padding=tensorflow,
                    )
                )
                channels, current_stride = stage.channels, current_stride * stride

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the features that a decoder needs.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at stride 4, (N, 24, h / 4, w / 4), and at the output stride,
            (N, 320, h / output_stride, w / output_stride); sides rounded up.
        """
        x = self.stem(x)
        low_level = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == self.low_level_index:
                low_level = x
        return low_level, x
