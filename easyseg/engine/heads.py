"""Rewrites of heads that leave their answer the same and need the finished weights for it.

What needs none is written into the networks themselves: see `easyseg.models.enlarged`, and the
heads of SegFormer and LR-ASPP.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from easyseg.models import segformer
from easyseg.models.layers import ConvNorm


def merge_heads(module: nn.Module) -> nn.Module:
    """Merges layers of a network's head that follow each other with nothing between, in place.

    SegFormer in the paper's form brings each level to one width and mixes the levels, both by 1x1
    convolutions: their product is one. OpenMMLab's form rectifies between the two, and stays.

    Args:
        module: A network in evaluation mode, its batch normalisations folded.

    Returns:
        The same network.
    """
    head = getattr(module, "head", None)
    if isinstance(head, segformer.Head) and not any(map(_is_rectified, head.levels)):
        module.head = _MergedHead(head)
    return module


def _is_rectified(level: nn.Module) -> bool:
    return not isinstance(cast(ConvNorm, level).activation, nn.Identity)


class _MergedHead(nn.Module):
    """SegFormer's head with one convolution for each level.

    Args:
        head: The head in the paper's form, its batch normalisation folded.
    """

    def __init__(self, head: segformer.Head) -> None:
        super().__init__()
        self.head = head
        self.levels = nn.ModuleList()
        weights = head.fuse.weight.double().flatten(1).chunk(len(head.levels), 1)
        bias = weights[0].new_zeros(head.fuse.out_channels)
        if head.fuse.bias is not None:
            bias += head.fuse.bias
        for level, weight in zip(head.levels, weights, strict=True):
            conv = cast(ConvNorm, level).conv
            if conv.bias is not None:
                bias += weight @ conv.bias.double()
            merged = nn.Conv2d(conv.in_channels, head.fuse.out_channels, 1, bias=False)
            product = weight @ conv.weight.double().flatten(1)
            merged.weight = nn.Parameter(product.float()[..., None, None], requires_grad=False)
            self.levels.append(merged)
        self.levels[0].bias = nn.Parameter(bias.float(), requires_grad=False)
        del head.levels, head.fuse  # their memory is given back

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """See `segformer.Head`."""
        parts = [level(feature) for level, feature in zip(self.levels, features, strict=True)]
        logits: torch.Tensor = self.head.classify(parts)
        return logits
