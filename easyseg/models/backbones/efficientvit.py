"""EfficientViT: convolutions, and attention whose cost is linear in the number of pixels.

Cai et al., "EfficientViT: Multi-Scale Linear Attention for High-Resolution Dense Prediction", 2023,
https://arxiv.org/abs/2205.14756. Reference: https://github.com/mit-han-lab/efficientvit
"""

import functools
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.errors import InputError
from easyseg.models.layers import Activation, ConvNorm

ATTENTION_EPS = 1e-15


class Stage(NamedTuple):
    """One resolution: a block that halves it (of the first stage: a convolution), and the rest."""

    kind: str
    channels: int
    depth: int
    first_expansion: int
    expansion: int


class Variant(NamedTuple):
    """What distinguishes the sizes."""

    stages: tuple[Stage, ...]
    head_size: int
    eps: float
    activation: Activation


def _small(widths: tuple[int, ...], depths: tuple[int, ...], head_size: int) -> Variant:
    kinds = ("separable", "inverted", "inverted", "attention", "attention")
    stages = (Stage(*row, 4, 4) for row in zip(kinds, widths, depths, strict=True))
    return Variant(tuple(stages), head_size, 1e-5, nn.Hardswish)


def _large(depths: tuple[int, ...]) -> Variant:
    kinds = ("residual", "fused", "fused", "inverted_biased", "attention")
    expansions = ((1, 1), (16, 4), (16, 4), (16, 4), (24, 6))
    rows = zip(kinds, (32, 64, 128, 256, 512), depths, expansions, strict=True)
    stages = (Stage(kind, width, depth, *both) for kind, width, depth, both in rows)
    return Variant(tuple(stages), 32, 1e-7, functools.partial(nn.GELU, approximate="tanh"))


VARIANTS = {
    "b1": _small((16, 32, 64, 128, 256), (1, 1, 2, 3, 4), 16),
    "b2": _small((24, 48, 96, 192, 384), (1, 2, 3, 4, 6), 32),
    "b3": _small((32, 64, 128, 256, 512), (1, 3, 5, 6, 9), 32),
    "l1": _large((1, 1, 1, 6, 6)),
    "l2": _large((1, 2, 2, 8, 8)),
}


class Block(nn.Sequential):
    """Layers one after the other, with a shortcut around them or none.

    Args:
        layers: The layers, by name.
        shortcut: Whether the input is added to the result.
    """

    def __init__(self, layers: Mapping[str, nn.Module], *, shortcut: bool) -> None:
        super().__init__(OrderedDict(layers))
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, h / stride, w / stride)."""
        y: torch.Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + y if self.shortcut else y


def inverted(
    in_channels: int,
    channels: int,
    expansion: int,
    variant: Variant,
    *,
    stride: int = 1,
    biased: bool = False,
) -> Block:
    """Makes MobileNetV2's block: expand, depthwise convolution, project.

    Args:
        in_channels: Channels that come in.
        channels: Channels that go out.
        expansion: How many times wider the inside is.
        variant: Gives the activation and the normalisation.
        stride: Stride of the depthwise convolution; only a block of stride 1 has a shortcut.
        biased: Whether the first two convolutions have a bias and no normalisation.

    Returns:
        The block.
    """
    hidden = in_channels * expansion
    inner_eps = None if biased else variant.eps
    first = ConvNorm(in_channels, hidden, bias=biased, eps=inner_eps, activation=variant.activation)
    depthwise = ConvNorm(
        hidden,
        hidden,
        3,
        stride=stride,
        groups=hidden,
        bias=biased,
        eps=inner_eps,
        activation=variant.activation,
    )
    project = ConvNorm(hidden, channels, eps=variant.eps, activation=None)
    layers = {"expand": first, "depthwise": depthwise, "project": project}
    return Block(layers, shortcut=stride == 1)


def fused(
    in_channels: int, channels: int, expansion: int, variant: Variant, *, stride: int = 1
) -> Block:
    """Makes an inverted block with one full 3x3 convolution for the first two.

    Args:
        in_channels: Channels that come in.
        channels: Channels that go out.
        expansion: How many times wider the inside is.
        variant: Gives the activation and the normalisation.
        stride: Stride of the 3x3 convolution; only a block of stride 1 has a shortcut.

    Returns:
        The block.
    """
    hidden = in_channels * expansion
    spatial = ConvNorm(
        in_channels, hidden, 3, stride=stride, eps=variant.eps, activation=variant.activation
    )
    project = ConvNorm(hidden, channels, eps=variant.eps, activation=None)
    return Block({"spatial": spatial, "project": project}, shortcut=stride == 1)


def _separable(channels: int, variant: Variant) -> Block:
    depthwise = ConvNorm(
        channels, channels, 3, groups=channels, eps=variant.eps, activation=variant.activation
    )
    project = ConvNorm(channels, channels, eps=variant.eps, activation=None)
    return Block({"depthwise": depthwise, "project": project}, shortcut=True)


def _residual(channels: int, variant: Variant) -> Block:
    first = ConvNorm(channels, channels, 3, eps=variant.eps, activation=variant.activation)
    second = ConvNorm(channels, channels, 3, eps=variant.eps, activation=None)
    return Block({"conv1": first, "conv2": second}, shortcut=True)


class LinearAttention(nn.Module):
    """Attention with ReLU for softmax, over the pixels and over 5x5 neighbourhoods of them.

    Args:
        channels: Channels that come in and go out.
        head_size: Channels of each head.
        eps: Of the batch normalisation.
    """

    def __init__(self, channels: int, head_size: int, eps: float) -> None:
        super().__init__()
        self.head_size = head_size
        inner = channels // head_size * head_size
        self.qkv = nn.Conv2d(channels, 3 * inner, 1, bias=False)
        self.aggregate = nn.Sequential(
            nn.Conv2d(3 * inner, 3 * inner, 5, padding=2, groups=3 * inner, bias=False),
            nn.Conv2d(3 * inner, 3 * inner, 1, groups=3 * (inner // head_size), bias=False),
        )
        self.project = ConvNorm(2 * inner, channels, eps=eps, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, channels, h, w) to the same shape."""
        qkv = self.qkv(x)
        attended = self._attend(torch.cat([qkv, self.aggregate(qkv)], 1))
        out: torch.Tensor = self.project(attended)
        return x + out

    def _attend(self, qkv: torch.Tensor) -> torch.Tensor:
        batch, _, height, width = qkv.shape
        with torch.autocast(qkv.device.type, enabled=False):
            # The sums run over all pixels: half precision overflows.
            wide = qkv.float().reshape(batch, -1, 3 * self.head_size, height * width)
            query, key, value = wide.chunk(3, 2)  # each (N, heads, head_size, pixels)
            value = F.pad(value, (0, 0, 0, 1), value=1.0)  # the last row counts the weights
            summed = (value @ F.relu(key).transpose(-1, -2)) @ F.relu(query)
            out = summed[:, :, :-1] / (summed[:, :, -1:] + ATTENTION_EPS)
        return out.reshape(batch, -1, height, width).to(qkv.dtype)


class AttentionBlock(nn.Module):
    """Attention for what is far, then an inverted block for what is near.

    Args:
        channels: Channels that come in and go out.
        expansion: Of the inverted block.
        variant: Gives the size of the heads, the activation and the normalisation.
    """

    def __init__(self, channels: int, expansion: int, variant: Variant) -> None:
        super().__init__()
        self.attention = LinearAttention(channels, variant.head_size, variant.eps)
        self.local = inverted(channels, channels, expansion, variant, biased=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, channels, h, w) to the same shape."""
        out: torch.Tensor = self.local(self.attention(x))
        return out


class EfficientViT(nn.Module):
    """EfficientViT without its classification head.

    Args:
        size: `"b1"`, `"b2"`, `"b3"`, `"l1"` or `"l2"`.

    Attributes:
        variant: What the size stands for.

    Raises:
        InputError: If there is no such size.
    """

    def __init__(self, size: str) -> None:
        super().__init__()
        if size not in VARIANTS:
            raise InputError(f"EfficientViT comes in sizes {sorted(VARIANTS)}, not {size!r}")
        self.variant = VARIANTS[size]
        self.stages = nn.ModuleList()
        channels = 3
        for stage in self.variant.stages:
            blocks = [self._first(stage, channels)]
            blocks += [self._further(stage) for _ in range(stage.depth)]
            self.stages.append(nn.Sequential(*blocks))
            channels = stage.channels

    def _first(self, stage: Stage, in_channels: int) -> nn.Module:
        """Makes the block that halves the resolution."""
        variant, channels, expansion = self.variant, stage.channels, stage.first_expansion
        if stage.kind in ("separable", "residual"):
            return ConvNorm(
                in_channels, channels, 3, stride=2, eps=variant.eps, activation=variant.activation
            )
        if stage.kind == "fused":
            return fused(in_channels, channels, expansion, variant, stride=2)
        biased = stage.kind != "inverted"
        return inverted(in_channels, channels, expansion, variant, stride=2, biased=biased)

    def _further(self, stage: Stage) -> nn.Module:
        """Makes one of the blocks that keep the resolution."""
        variant, channels = self.variant, stage.channels
        if stage.kind == "separable":
            return _separable(channels, variant)
        if stage.kind == "residual":
            return _residual(channels, variant)
        if stage.kind == "fused":
            return fused(channels, channels, stage.expansion, variant)
        if stage.kind == "attention":
            return AttentionBlock(channels, stage.expansion, variant)
        biased = stage.kind != "inverted"
        return inverted(channels, channels, stage.expansion, variant, biased=biased)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Computes features at every resolution.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at strides 2, 4, 8, 16 and 32, each (N, channels, h / stride, w / stride),
            sides rounded up.
        """
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
