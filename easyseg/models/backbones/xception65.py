"""Xception-65: the encoder of the original DeepLabV3+.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
2018, https://arxiv.org/abs/1802.02611, section 3.2: more layers than Chollet's Xception, strided
convolutions for its poolings, and a normalisation after every depthwise convolution.
"""

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.errors import InputError
from easyseg.models.layers import ConvNorm, SeparableConv

OUTPUT_STRIDES = (8, 16)
MIDDLE_BLOCKS = 16
TENSORFLOW_EPS = 1e-3
PYTORCH_EPS = 1e-5


class Block(nn.Module):
    """Three separable convolutions, a ReLU before each, with a shortcut around them.

    Args:
        channels: Channels that come in, and that go out of each convolution.
        stride: Stride of the last convolution, and of the shortcut.
        dilation: Dilation of all three.
        eps: Of the normalisations.
        rectify_shortcut: Whether a shortcut without a convolution carries the rectified input.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        *,
        stride: int = 1,
        dilation: int = 1,
        eps: float,
        rectify_shortcut: bool,
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            SeparableConv(
                channels[i],
                channels[i + 1],
                stride=stride if i == 2 else 1,
                dilation=dilation,
                eps=eps,
                activation=None,
            )
            for i in range(3)
        )
        first, last = channels[0], channels[-1]
        changes = first != last or stride != 1
        self.shortcut: nn.Module = nn.Identity()
        if changes:
            self.shortcut = ConvNorm(first, last, stride=stride, eps=eps, activation=None)
        self.rectify_shortcut = rectify_shortcut and not changes

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the block.

        Args:
            x: (N, channels[0], h, w).

        Returns:
            The result, (N, channels[3], h / stride, w / stride), and what came out of the second
            convolution, (N, channels[2], h, w), which a decoder may use.
        """
        rectified = F.relu(x)
        second = self.convs[1](F.relu(self.convs[0](rectified)))
        shortcut = self.shortcut(rectified if self.rectify_shortcut else x)
        return self.convs[2](F.relu(second)) + shortcut, second


class Xception65(nn.Module):
    """Xception-65 without its classification head.

    The weights of Google's release and of bubbliiiing's PyTorch port are for networks that differ
    in four things. In Google's: the first convolution pads as TensorFlow's "SAME" does; shortcuts
    carry the input as it is, not rectified; the last three convolutions are dilated twice as much
    as the rest; the normalisations' eps is 1e-3, not 1e-5.

    Args:
        output_stride: 8 or 16: how many times smaller than the picture the last features are.
        tensorflow: Whether the weights are Google's.

    Attributes:
        low_level_channels: Channels of the features at stride 4.
        channels: Channels of the last features.

    Raises:
        InputError: If the output stride is not one of these.
    """

    low_level_channels = 256
    channels = 2048

    def __init__(self, output_stride: int = 16, *, tensorflow: bool = True) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        rate = 16 // output_stride
        eps = TENSORFLOW_EPS if tensorflow else PYTORCH_EPS
        self.stem = nn.Sequential(
            ConvNorm(3, 32, 3, stride=2, eps=eps, same_padding=tensorflow),
            ConvNorm(32, 64, 3, eps=eps),
        )

        def block(*channels: int, stride: int = 1, dilation: int = 1) -> Block:
            first, second, third, last = channels
            return Block(
                (first, second, third, last),
                stride=stride,
                dilation=dilation,
                eps=eps,
                rectify_shortcut=not tensorflow,
            )

        self.blocks = nn.ModuleList(
            [
                block(64, 128, 128, 128, stride=2),
                block(128, 256, 256, 256, stride=2),
                block(256, 728, 728, 728, stride=2 // rate),
                *(block(728, 728, 728, 728, dilation=rate) for _ in range(MIDDLE_BLOCKS)),
                block(728, 728, 1024, 1024, dilation=rate),
            ]
        )
        last = 2 * rate if tensorflow else rate
        widths = ((1024, 1536), (1536, 1536), (1536, self.channels))
        self.exit = nn.Sequential(
            *(SeparableConv(before, after, dilation=last, eps=eps) for before, after in widths)
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the features that a decoder needs.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Features at stride 4, (N, 256, h / 4, w / 4), and at the output stride,
            (N, 2048, h / output_stride, w / output_stride); sides rounded up.
        """
        x = self.stem(x)
        low_level = x
        for index, block in enumerate(self.blocks):
            x, inner = block(x)
            if index == 1:
                low_level = inner
        return low_level, self.exit(x)
