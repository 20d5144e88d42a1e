"""The student of train.py: DeepLabV3+ EfficientNet-Lite, in a form that trains fast on one thread.

The answers are those of `easyseg.models.deeplabv3plus`; what differs is the way to them:

- the encoder's batch norms are folded into its convolutions, which are trained as they then are;
- 1x1 convolutions are matrix products over channels-last pixels, with the clip of ReLU6 in place;
- dilated depthwise convolutions run undilated on each phase of the picture, for the backward pass
  of a dilated one is several times slower on a CPU.
"""

from typing import Any, NamedTuple

import torch
from photographs import ADE20K_CLASSES
from torch import nn
from torch.nn import functional as F

from easyseg.engine.fuse import fold_batch_norm
from easyseg.models.backbones.efficientnet_lite import EPS
from easyseg.models.deeplabv3plus import DeepLabV3Plus
from easyseg.models.layers import ConvNorm, pad_same


class LinearClip(torch.autograd.Function):
    """clip(x @ w.T + b, 0, 6); keeps one copy of its answer instead of two."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        """Maps (n, in) to (n, out)."""
        y = torch.addmm(bias, x, weight.t()).clamp_(0, 6)
        ctx.save_for_backward(x, weight, y)
        return y

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Gradients of the three arguments."""
        x, weight, y = ctx.saved_tensors
        gradient = torch.ops.aten.hardtanh_backward(gradient, y, 0.0, 6.0)
        return gradient @ weight, gradient.t() @ x, gradient.sum(0)


def pointwise(x: torch.Tensor, conv: nn.Conv2d, *, clip: bool) -> torch.Tensor:
    """A 1x1 convolution as a matrix product, channels last."""
    n, channels, height, width = x.shape
    flat = x.permute(0, 2, 3, 1).reshape(-1, channels)
    weight = conv.weight.flatten(1)
    bias = weight.new_zeros(weight.shape[0]) if conv.bias is None else conv.bias
    y = LinearClip.apply(flat, weight, bias) if clip else torch.addmm(bias, flat, weight.t())
    return y.view(n, height, width, -1).permute(0, 3, 1, 2)


def depthwise(x: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
    """A depthwise convolution of stride 1, dilated or not."""
    d = conv.dilation[0]
    n, channels, height, width = x.shape
    if d == 1 or height % d or width % d:
        return F.conv2d(x, conv.weight, conv.bias, 1, conv.padding, d, channels)
    y = x.permute(0, 2, 3, 1).reshape(n, height // d, d, width // d, d, channels)
    y = y.permute(2, 4, 0, 1, 3, 5).reshape(d * d * n, height // d, width // d, channels)
    y = F.conv2d(
        y.permute(0, 3, 1, 2), conv.weight, conv.bias, 1, conv.kernel_size[0] // 2, 1, channels
    )
    y = y.permute(0, 2, 3, 1).reshape(d, d, n, height // d, width // d, channels)
    y = y.permute(2, 3, 0, 4, 1, 5).reshape(n, height, width, channels)
    return y.permute(0, 3, 1, 2)


class Quick(ConvNorm):
    """A `ConvNorm` that takes the fast way."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As ConvNorm's."""
        conv = self.conv
        normed = isinstance(self.norm, nn.BatchNorm2d)
        clips = isinstance(self.activation, nn.ReLU6)
        if conv.kernel_size == (1, 1):
            x = pointwise(x, conv, clip=clips and not normed)
            if not normed:
                return x
        elif conv.groups > 1 and not self.pads_same:
            x = depthwise(x, conv)
        else:
            if self.pads_same:
                x = pad_same(x, conv.kernel_size[0], conv.stride[0], conv.dilation[0])
            x = conv(x)
        x = self.norm(x)
        return F.relu6(x, inplace=True) if clips else x


def through(blocks: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Applies one block after another."""
    for block in blocks:
        x = block(x)
    return x


class Answers(NamedTuple):
    """What the student says of a batch."""

    logits: torch.Tensor  # (N, num_classes, h / 4, w / 4), or the window of it
    coarse: torch.Tensor  # those of the ASPP alone, (N, num_classes, h / 16, w / 16)
    other: torch.Tensor  # the same for ADE20K's classes, which VOC's photographs show, too


class Student(nn.Module):
    """The network, its first blocks frozen.

    Args:
        num_classes: 21 or 150.
        output_stride: Of the features.
        frozen: How many blocks of the encoder stay as they are, with the stem.
        state_dict: Weights to start from, under the product's keys; only the encoder's, and the
            rest begins at random.
        dropout: Share of the ASPP's channels that are left out at random.
        widths: `encoder_size`, `aspp_channels` and the like, of the product's network.
    """

    def __init__(
        self,
        num_classes: int,
        output_stride: int,
        frozen: int,
        state_dict: dict[str, torch.Tensor],
        dropout: float = 0.1,
        **widths: int,
    ) -> None:
        super().__init__()
        self.network = DeepLabV3Plus(num_classes, output_stride=output_stride, **widths)
        missing = self.network.load_state_dict(
            {k: v.float() for k, v in state_dict.items()}, strict=False
        ).missing_keys
        if any(key.startswith("encoder") for key in missing):
            raise SystemExit(f"the weights to start from lack {missing[:3]}...")
        self.keys = list(self.network.state_dict())
        self.frozen = frozen
        for module in self.network.modules():
            if type(module) is ConvNorm:
                module.__class__ = Quick
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.05
        fold_batch_norm(self.network.encoder.eval())
        self.network.to(memory_format=torch.channels_last)
        self.network.encoder.stem.requires_grad_(False)
        self.network.encoder.blocks[:frozen].requires_grad_(False)
        self.network.dropout.p = dropout
        channels = self.network.aspp.project.conv.out_channels
        self.coarse = nn.Conv2d(channels, num_classes, 1)
        if self.network.classifier.in_channels == channels:  # a better beginning than chance
            self.coarse.load_state_dict(self.network.classifier.state_dict())
        self.other = nn.Conv2d(channels, ADE20K_CLASSES, 1)

    def classifiers(self) -> tuple[nn.Conv2d, ...]:
        """The layers that give logits."""
        return self.network.classifier, self.coarse, self.other

    def forward(self, x: torch.Tensor, window: tuple[slice, slice]) -> Answers:
        """All logits that the losses look at.

        Args:
            x: Pictures, (N, 3, h, w).
            window: Rows and columns of the cells of stride 4 that the decoder is to look at; it
                costs as much as the encoder and the ASPP together.
        """
        network, encoder = self.network, self.network.encoder
        low = encoder.low_level_index + 1
        with torch.no_grad():
            low_level = through(encoder.blocks[:low], encoder.stem(x))
            features = through(encoder.blocks[low : self.frozen], low_level)
        features = through(encoder.blocks[self.frozen :], features)
        features = network.dropout(network.aspp(features))
        low_level = network.low_level(low_level)
        cells = [-(-side // 4) for side in low_level.shape[2:]]
        coarse = F.interpolate(features, cells, mode="bilinear", align_corners=False)
        other = pointwise(coarse, self.other, clip=False)
        coarse = pointwise(coarse, self.coarse, clip=False)
        features = F.interpolate(
            features, low_level.shape[2:], mode="bilinear", align_corners=False
        )
        rows, columns = window
        decoded = network.decoder(torch.cat([features, low_level], 1)[:, :, rows, columns])
        return Answers(pointwise(decoded, network.classifier, clip=False), coarse, other)

    def product(self, state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Brings a state dict of this module to the product's keys, float16.

        A folded batch norm becomes one that adds the bias and does nothing else.
        """
        out: dict[str, torch.Tensor] = {}
        for key in self.keys:
            value = state_dict.get(f"network.{key}")
            if value is None:
                stem, leaf = key.rsplit(".norm.", 1)
                bias = state_dict[f"network.{stem}.conv.bias"]
                value = {
                    "weight": torch.ones_like(bias),
                    "bias": bias,
                    "running_mean": torch.zeros_like(bias),
                    "running_var": torch.full_like(bias, 1 - EPS),
                    "num_batches_tracked": torch.zeros((), dtype=torch.long),
                }[leaf]
            value = value.detach().clone(memory_format=torch.contiguous_format)
            out[key] = value.half() if value.is_floating_point() else value
        return out
