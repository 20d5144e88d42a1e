"""ResNet-50 and ResNet-101, dilated, in torchvision's and OpenMMLab's variants.

He et al., "Deep Residual Learning for Image Recognition", 2015, https://arxiv.org/abs/1512.03385.
OpenMMLab's ResNetV1c replaces the stem's 7x7 convolution by three 3x3 ones (He et al., "Bag of
Tricks", 2018, https://arxiv.org/abs/1812.01187). Layers bear the names that both publish.
"""

import torch
from torch import nn

from easyseg.errors import InputError

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks in each of the four layers."""

OUTPUT_STRIDES = (8, 16, 32)
CHANNELS = (256, 512, 1024, 2048)
EXPANSION = 4


class Bottleneck(nn.Module):
    """ResNet's block: 1x1, 3x3 and 1x1 convolutions, added to a shortcut.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out; the inside has a quarter of them.
        stride: Stride of the 3x3 convolution and of the shortcut.
        dilation: Dilation of the 3x3 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        hidden = out_channels // EXPANSION
        self.conv1 = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride), rounded up."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        out: torch.Tensor = self.relu(y)
        return out


class ResNet(nn.Module):
    """ResNet without its classification head.

    The same weights serve every output stride: where a stride is taken away, the convolutions
    behind it are dilated instead, so that each kernel sees the pixels it was trained on.

    Args:
        depth: 50 or 101.
        output_stride: 8, 16 or 32: how many times smaller than the picture the last features are.
        deep_stem: Whether the stem has three 3x3 convolutions (ResNetV1c) for one of 7x7.

    Attributes:
        channels: Channels of each of the four feature maps.

    Raises:
        InputError: If the depth or the output stride is not one of these.
    """

    def __init__(self, depth: int, *, output_stride: int, deep_stem: bool) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise InputError(f"ResNet comes in depths {sorted(DEPTHS)}, not {depth!r}")
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        self.channels = CHANNELS
        self.stem = _deep_stem() if deep_stem else _stem()
        self.pool = nn.MaxPool2d(3, 2, 1)
        in_channels, current_stride, dilation = 64, 4, 1
        for index, (blocks, out_channels) in enumerate(zip(DEPTHS[depth], CHANNELS, strict=True)):
            # The block that loses its stride keeps the dilation of the block before.
            stride, first_dilation = (1 if index == 0 else 2), dilation
            if current_stride * stride > output_stride:
                stride, dilation = 1, dilation * 2
            layer = nn.Sequential(
                Bottleneck(in_channels, out_channels, stride=stride, dilation=first_dilation)
            )
            for _ in range(blocks - 1):
                layer.append(Bottleneck(out_channels, out_channels, stride=1, dilation=dilation))
            self.add_module(f"layer{index + 1}", layer)
            in_channels, current_stride = out_channels, current_stride * stride

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Computes the features of the four layers.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Four feature maps with `channels` channels, the first at stride 4, the last at the
            output stride; sides rounded up.
        """
        x = self.pool(self.stem(x))
        features = []
        for index in range(1, 5):
            x = self.get_submodule(f"layer{index}")(x)
            features.append(x)
        return tuple(features)


def _stem() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
    )


def _deep_stem() -> nn.Sequential:
    stem = nn.Sequential()
    for in_channels, out_channels, stride in ((3, 32, 2), (32, 32, 1), (32, 64, 1)):
        stem.append(nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False))
        stem.append(nn.BatchNorm2d(out_channels))
        stem.append(nn.ReLU(inplace=True))
    return stem
