"""Mix Transformer: the encoder of SegFormer.

Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
2021, https://arxiv.org/abs/2105.15203. References: https://github.com/NVlabs/SegFormer,
https://github.com/huggingface/transformers, https://github.com/open-mmlab/mmsegmentation
"""

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.errors import InputError

DEPTHS = {
    "b0": (2, 2, 2, 2),
    "b1": (2, 2, 2, 2),
    "b2": (3, 4, 6, 3),
    "b3": (3, 4, 18, 3),
    "b4": (3, 8, 27, 3),
    "b5": (3, 6, 40, 3),
}
HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)
"""How many times smaller each stage makes the picture that its pixels attend to."""

EXPANSION = 4


def channels_of(size: str) -> tuple[int, ...]:
    """Tells the channels of the four stages.

    Args:
        size: `"b0"` to `"b5"`.

    Returns:
        Channels at strides 4, 8, 16 and 32.

    Raises:
        InputError: If there is no such size.
    """
    if size not in DEPTHS:
        raise InputError(f"Mix Transformer comes in sizes {sorted(DEPTHS)}, not {size!r}")
    return (32, 64, 160, 256) if size == "b0" else (64, 128, 320, 512)


def to_tokens(x: torch.Tensor) -> torch.Tensor:
    """Maps (N, C, h, w) to (N, h * w, C); for free where the memory is channels-last."""
    return x.flatten(2).transpose(1, 2)


def to_map(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Maps (N, h * w, C) to (N, C, h, w), channels-last in memory, for free."""
    return x.transpose(1, 2).reshape(len(x), -1, *size)


class Attention(nn.Module):
    """Self-attention whose keys and values come from a reduced picture.

    Args:
        channels: Channels that come in and go out.
        heads: Number of heads.
        reduction: How many times smaller the reduced picture is.
        eps: Of the layer normalisation.
    """

    def __init__(self, channels: int, heads: int, reduction: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.ratio = reduction
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)
        if reduction > 1:
            self.reduction = nn.Conv2d(channels, channels, reduction, reduction)
            self.reduction_norm = nn.LayerNorm(channels, eps=eps)

    def forward(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Maps tokens (N, h * w, channels) of a picture of that size (h, w) to the same shape."""
        query = self._split(self.query(x))
        if self.ratio > 1:
            x = self._reduce(x, size)
        key, value = (self._split(part) for part in self.key_value(x).chunk(2, -1))
        attended = F.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = self.project(attended.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, tokens, channels) to (N, heads, tokens, channels / heads)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def _reduce(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        picture = to_map(x, size)
        # The reference cannot take pictures smaller than the kernel.
        missing = [max(self.ratio - side, 0) for side in size]
        if any(missing):
            picture = F.pad(picture, (0, missing[1], 0, missing[0]))
        reduced: torch.Tensor = self.reduction_norm(to_tokens(self.reduction(picture)))
        return reduced


class FeedForward(nn.Module):
    """Two linear layers with a depthwise convolution between, which tells a pixel where it is.

    Args:
        channels: Channels that come in and go out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels * EXPANSION
        self.expand = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.project = nn.Linear(hidden, channels)

    def forward(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Maps tokens (N, h * w, channels) of a picture of that size (h, w) to the same shape."""
        hidden = self.depthwise(to_map(self.expand(x), size))
        out: torch.Tensor = self.project(F.gelu(to_tokens(hidden)))
        return out


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and with a shortcut around.

    Args:
        channels: Channels that come in and go out.
        heads: Number of heads.
        reduction: See `Attention`.
        eps: Of the layer normalisations.
    """

    def __init__(self, channels: int, heads: int, reduction: int, eps: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels, eps=eps)
        self.attention = Attention(channels, heads, reduction, eps)
        self.feed_forward_norm = nn.LayerNorm(channels, eps=eps)
        self.feed_forward = FeedForward(channels)

    def forward(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Maps tokens (N, h * w, channels) of a picture of that size (h, w) to the same shape."""
        x = x + self.attention(self.attention_norm(x), size)
        out: torch.Tensor = x + self.feed_forward(self.feed_forward_norm(x), size)
        return out


class PatchEmbedding(nn.Module):
    """A strided convolution whose patches overlap, and a normalisation.

    Args:
        in_channels: Channels that come in.
        channels: Channels that go out.
        kernel_size: Side of the patches.
        stride: Distance between them.
        eps: Of the layer normalisation.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel_size: int, stride: int, eps: float
    ) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, channels, kernel_size, stride, kernel_size // 2)
        self.norm = nn.LayerNorm(channels, eps=eps)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        """Maps (N, in_channels, h, w) to tokens (N, tokens, channels) and their size (h', w')."""
        x = self.projection(x)
        return self.norm(to_tokens(x)), (x.shape[2], x.shape[3])


class Stage(nn.Module):
    """One resolution: the embedding that reaches it, blocks, and a normalisation.

    Args:
        in_channels: Channels that come in.
        size: Size of the encoder.
        index: 0 to 3.
        eps: Of the layer normalisations.
    """

    def __init__(self, in_channels: int, size: str, index: int, eps: float) -> None:
        super().__init__()
        channels = channels_of(size)[index]
        kernel_size, stride = (7, 4) if index == 0 else (3, 2)
        self.embed = PatchEmbedding(in_channels, channels, kernel_size, stride, eps)
        self.blocks = nn.ModuleList(
            Block(channels, HEADS[index], REDUCTIONS[index], eps)
            for _ in range(DEPTHS[size][index])
        )
        self.norm = nn.LayerNorm(channels, eps=eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, channels, h', w')."""
        tokens, size = self.embed(x)
        for block in self.blocks:
            tokens = block(tokens, size)
        return to_map(self.norm(tokens), size)


class MixTransformer(nn.Module):
    """Mix Transformer.

    Args:
        size: `"b0"` to `"b5"`.
        eps: Of all layer normalisations: 1e-6 in OpenMMLab's implementation, 1e-5 in Hugging
            Face's.

    Attributes:
        channels: Channels of the features at strides 4, 8, 16 and 32.

    Raises:
        InputError: If there is no such size.
    """

    def __init__(self, size: str, eps: float) -> None:
        super().__init__()
        self.channels = channels_of(size)
        widths = (3, *self.channels)
        self.stages = nn.ModuleList(Stage(widths[i], size, i, eps) for i in range(4))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Computes features at every resolution.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at strides 4, 8, 16 and 32, each (N, channels, h / stride, w / stride), sides
            rounded up.
        """
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
