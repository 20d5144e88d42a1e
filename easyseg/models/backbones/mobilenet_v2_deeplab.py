"""MobileNetV2 as DeepLab uses it: dilated instead of strided from some depth on.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
https://arxiv.org/abs/1801.04381.
"""

import functools
from typing import Literal, NamedTuple, cast

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
        eps: Of the normalisations; None for convolutions with a bias instead.
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
        eps: float | None,
        same_padding: bool,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        block = functools.partial(ConvNorm, bias=eps is None, eps=eps)
        self.expand = (
            block(in_channels, hidden, activation=nn.ReLU6) if expansion > 1 else nn.Identity()
        )
        self.depthwise = block(
            hidden,
            hidden,
            3,
            stride=stride,
            dilation=dilation,
            groups=hidden,
            activation=nn.ReLU6,
            same_padding=same_padding,
        )
        self.project = block(hidden, out_channels, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride), rounded up."""
        return self.forward_with_inside(x)[1]

    def forward_with_inside(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives what the depthwise convolution says, (N, in_channels * expansion, ...), too."""
        inside: torch.Tensor = self.depthwise(self.expand(x))
        y: torch.Tensor = self.project(inside)
        return inside, x + y if self.shortcut else y


class MobileNetV2(nn.Module):
    """MobileNetV2 of width 1 without its last convolution and classification head.

    The same weights serve every output stride: where a stride is taken away, the convolutions
    behind it are dilated instead; the block that loses it keeps the dilation of the one before.

    Args:
        output_stride: 8, 16 or 32: how many times smaller than the picture the last features are.
        tensorflow: Whether the weights were trained in TensorFlow: padding is then its "SAME", and
            the normalisations' eps 1e-3 instead of 1e-5.
        folded: Whether the normalisations are folded into the convolutions, which then have biases.
        low_level: What the features at stride 4 are: the `"output"` of the third block, or what is
            `"inside"` it, behind its depthwise convolution, as in Google's DeepLabV3+.

    Attributes:
        low_level_channels: Channels of the features at stride 4.
        channels: Channels of the last features.

    Raises:
        InputError: If the output stride is not one of these.
    """

    low_level_index = 2
    channels = 320

    def __init__(
        self,
        output_stride: int = 16,
        *,
        tensorflow: bool = True,
        folded: bool = False,
        low_level: Literal["output", "inside"] = "output",
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        eps = None if folded else TENSORFLOW_EPS if tensorflow else PYTORCH_EPS
        self.low_level = low_level
        self.low_level_channels = 24 if low_level == "output" else 144
        self.stem = ConvNorm(
            3,
            STEM_CHANNELS,
            3,
            stride=2,
            bias=folded,
            eps=eps,
            activation=nn.ReLU6,
            same_padding=tensorflow,
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
            Features at stride 4, (N, low_level_channels, h / 4, w / 4), and at the output stride,
            (N, 320, h / output_stride, w / output_stride); sides rounded up.
        """
        x = self.stem(x)
        first, last = self.blocks[: self.low_level_index], self.blocks[self.low_level_index + 1 :]
        for block in first:
            x = block(x)
        between = cast(InvertedResidual, self.blocks[self.low_level_index])
        inside, x = between.forward_with_inside(x)
        low_level = x if self.low_level == "output" else inside
        for block in last:
            x = block(x)
        return low_level, x
