"""MobileNetV3-Large as torchvision dilates it for segmentation.

Howard et al., "Searching for MobileNetV3", 2019, https://arxiv.org/abs/1905.02244.
"""

from typing import NamedTuple

import torch
from torch import nn

from easyseg.errors import InputError
from easyseg.models.layers import ConvNorm


class Block(NamedTuple):
    """One row of the MobileNetV3-Large table, as trained at output stride 16; squeeze 0 is none."""

    kernel_size: int
    hidden: int
    channels: int
    squeeze: int
    activation: type[nn.Module]
    stride: int
    dilation: int


BLOCKS = (
    Block(3, 16, 16, 0, nn.ReLU, 1, 1),
    Block(3, 64, 24, 0, nn.ReLU, 2, 1),
    Block(3, 72, 24, 0, nn.ReLU, 1, 1),
    Block(5, 72, 40, 24, nn.ReLU, 2, 1),
    Block(5, 120, 40, 32, nn.ReLU, 1, 1),
    Block(5, 120, 40, 32, nn.ReLU, 1, 1),
    Block(3, 240, 80, 0, nn.Hardswish, 2, 1),
    Block(3, 200, 80, 0, nn.Hardswish, 1, 1),
    Block(3, 184, 80, 0, nn.Hardswish, 1, 1),
    Block(3, 184, 80, 0, nn.Hardswish, 1, 1),
    Block(3, 480, 112, 120, nn.Hardswish, 1, 1),
    Block(3, 672, 112, 168, nn.Hardswish, 1, 1),
    Block(5, 672, 160, 168, nn.Hardswish, 1, 2),
    Block(5, 960, 160, 240, nn.Hardswish, 1, 2),
    Block(5, 960, 160, 240, nn.Hardswish, 1, 2),
)
STEM_CHANNELS = 16
LAST_CHANNELS = 960
LOW_LEVEL_BLOCK = 4
"""Position, counted with the stem, of the first block at stride 8."""

OUTPUT_STRIDES = (8, 16)
EPSILON = 1e-3


class SqueezeExcitation(nn.Module):
    """Scales each channel by what the whole picture says of it.

    Args:
        channels: Channels.
        hidden: Width of the inside.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.restore = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, channels, h, w) to the same shape."""
        scale = torch.relu(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.restore(scale))


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, squeeze and excite, project, and a shortcut where it fits.

    Args:
        in_channels: Channels that come in.
        block: The row of the table.
        stride: Stride of the depthwise convolution.
        dilation: Dilation of the depthwise convolution.
    """

    def __init__(self, in_channels: int, block: Block, *, stride: int, dilation: int) -> None:
        super().__init__()
        hidden = block.hidden
        self.shortcut = stride == 1 and in_channels == block.channels
        self.layers = nn.Sequential()
        if hidden != in_channels:
            self.layers.append(
                ConvNorm(in_channels, hidden, activation=block.activation, eps=EPSILON)
            )
        self.layers.append(
            ConvNorm(
                hidden,
                hidden,
                block.kernel_size,
                stride=stride,
                dilation=dilation,
                groups=hidden,
                activation=block.activation,
                eps=EPSILON,
            )
        )
        if block.squeeze:
            self.layers.append(SqueezeExcitation(hidden, block.squeeze))
        self.layers.append(ConvNorm(hidden, block.channels, activation=None, eps=EPSILON))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride), rounded up."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.shortcut else y


class MobileNetV3Large(nn.Module):
    """MobileNetV3-Large without its classification head.

    Its last three blocks are dilated in place of a stride, the first of them too, as in
    torchvision's training at output stride 16. At output stride 8 one more stride becomes a
    dilation.

    Args:
        output_stride: 8 or 16: how many times smaller than the picture the last features are.

    Attributes:
        channels: Channels of the two feature maps.

    Raises:
        InputError: If the output stride is not one of these.
    """

    def __init__(self, *, output_stride: int = 16) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        self.channels = (BLOCKS[LOW_LEVEL_BLOCK - 1].channels, LAST_CHANNELS)
        self.blocks = nn.ModuleList(
            [ConvNorm(3, STEM_CHANNELS, 3, stride=2, activation=nn.Hardswish, eps=EPSILON)]
        )
        channels, current_stride, dilation = STEM_CHANNELS, 2, 1
        for block in BLOCKS:
            stride, block_dilation = block.stride, block.dilation * dilation
            if current_stride * stride > output_stride:
                stride, dilation = 1, dilation * 2
            self.blocks.append(
                InvertedResidual(channels, block, stride=stride, dilation=block_dilation)
            )
            channels, current_stride = block.channels, current_stride * stride
        self.blocks.append(ConvNorm(channels, LAST_CHANNELS, activation=nn.Hardswish, eps=EPSILON))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Computes the features that a head needs.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at stride 8, (N, 40, h / 8, w / 8), and at the output stride,
            (N, 960, h / output_stride, w / output_stride); sides rounded up.
        """
        low_level = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == LOW_LEVEL_BLOCK:
                low_level = x
        return low_level, x
