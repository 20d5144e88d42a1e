"""Building blocks that several architectures share."""

import functools
from collections.abc import Callable
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

Activation = Callable[[], nn.Module]
"""What makes an activation: its class, or a partial of it."""

IN_PLACE = (nn.ReLU, nn.ReLU6, nn.Hardswish)
"""Activations that can write over their input."""


def pad_same(x: torch.Tensor, kernel_size: int, stride: int, dilation: int = 1) -> torch.Tensor:
    """Pads as TensorFlow's "SAME" does: the odd pixel goes to the bottom and to the right.

    Args:
        x: (N, C, h, w).
        kernel_size: Side of the square kernel.
        stride: Stride of the convolution that follows.
        dilation: Dilation of the convolution that follows.

    Returns:
        (N, C, h', w'), zeros around.
    """
    extent = dilation * (kernel_size - 1) + 1
    if extent == 1:
        return x
    padding: list[int] = []
    for side in (x.shape[-1], x.shape[-2]):
        # Not -(-side // stride): ONNX rounds integer divisions towards zero. Never below 0 while
        # the kernel is no smaller than the stride; a branch on it would not survive tracing.
        total = ((side + stride - 1) // stride - 1) * stride + extent - side
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)


class ConvNorm(nn.Module):
    """A convolution, and a batch normalisation and an activation where there are such.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        kernel_size: Side of the square kernel, odd.
        stride: Stride.
        dilation: Dilation; the padding follows it, so that stride 1 keeps the size.
        groups: Groups; `in_channels` makes the convolution depthwise.
        bias: Whether the convolution has a bias.
        eps: Of the batch normalisation; None leaves the normalisation out.
        momentum: Of the batch normalisation: the weight of a new batch in its running statistics.
        activation: Makes the activation, which works in place where it can; None leaves it out.
        same_padding: Whether to pad as TensorFlow's "SAME" does, instead of evenly on all sides.
            The two differ only where the stride is above 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        eps: float | None = 1e-5,
        momentum: float = 0.1,
        activation: Activation | None = nn.ReLU,
        same_padding: bool = False,
    ) -> None:
        super().__init__()
        # At stride 1 "SAME" is even on all sides, and the convolution pads for free.
        self.pads_same = same_padding and stride > 1
        padding = 0 if self.pads_same else dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias=bias,
        )
        self.norm: nn.Module = nn.Identity()
        if eps is not None:
            self.norm = nn.BatchNorm2d(out_channels, eps=eps, momentum=momentum)
        self.activation = nn.Identity() if activation is None else activation()
        if isinstance(self.activation, IN_PLACE):
            self.activation.inplace = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, out_channels, ceil(h / stride), ceil(w / stride))."""
        out: torch.Tensor = self.activation(self.norm(self._convolve(x)))
        return out

    def _convolve(self, x: torch.Tensor) -> torch.Tensor:
        conv = self.conv
        if not self.pads_same:
            return cast(torch.Tensor, conv(x))
        size, dilation = conv.kernel_size[0], conv.dilation[0]
        if _pads_evenly(x, conv.stride[0]):
            even = dilation * (size // 2)  # which the convolution does without a copy
            return F.conv2d(x, conv.weight, conv.bias, conv.stride, even, dilation, conv.groups)
        return cast(torch.Tensor, conv(pad_same(x, size, conv.stride[0], dilation)))


def _pads_evenly(x: torch.Tensor, stride: int) -> bool:
    """Tells whether "SAME" is even on all sides; a trace, which is for all sizes, cannot say so."""
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # type: ignore[attr-defined,no-untyped-call]
        return False
    return stride == 2 and all(side % 2 == 1 for side in x.shape[-2:])


class SeparableConv(nn.Sequential):
    """Depthwise 3x3 convolution (dilated or not), then a pointwise one, each a `ConvNorm`.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        stride: Stride of the depthwise convolution.
        dilation: Dilation of the depthwise convolution.
        bias: Whether both convolutions have a bias.
        eps: Of both batch normalisations; None leaves them out.
        momentum: Of both batch normalisations.
        activation: Of both, see `ConvNorm`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = False,
        eps: float | None = 1e-5,
        momentum: float = 0.1,
        activation: Activation | None = nn.ReLU,
    ) -> None:
        super().__init__()
        block = functools.partial(
            ConvNorm, bias=bias, eps=eps, momentum=momentum, activation=activation
        )
        self.depthwise = block(
            in_channels, in_channels, 3, stride=stride, dilation=dilation, groups=in_channels
        )
        self.pointwise = block(in_channels, out_channels)
