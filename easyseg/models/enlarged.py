"""Convolutions of enlarged features, without enlarging them first."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from easyseg.models.layers import ConvNorm

TAPS = 3
"""Side of the kernels."""


def mix_levels(
    block: ConvNorm,
    fine: torch.Tensor,
    coarse: Sequence[torch.Tensor],
    *,
    coarse_first: bool = False,
    align_corners: bool = False,
) -> torch.Tensor:
    """Gives what a 3x3 block gives for features of several resolutions, enlarged and concatenated.

    Neither is done: the convolution is split into one for each of the features, and added up.

    Args:
        block: Its convolution has a kernel of 3x3, a padding of 1 and no stride.
        fine: (N, channels, h, w).
        coarse: Each (N, its channels, its height, its width); a single pixel is a global average.
        coarse_first: Whether the coarse ones come before the fine one in the concatenation.
        align_corners: See `convolve_enlarged`.

    Returns:
        (N, out_channels, h, w).
    """
    conv = block.conv
    levels = [*coarse, fine] if coarse_first else [fine, *coarse]
    weights = list(torch.split(conv.weight, [int(level.shape[1]) for level in levels], 1))
    out = F.conv2d(fine, weights.pop(-1 if coarse_first else 0), conv.bias, padding=1)
    for level, weight in zip(coarse, weights, strict=True):
        out = out + convolve_enlarged(level, weight, fine.shape[2:], align_corners=align_corners)
    mixed: torch.Tensor = block.activation(block.norm(out))
    return mixed


def convolve_enlarged(
    x: torch.Tensor,
    weight: torch.Tensor,
    size: Sequence[int],
    *,
    align_corners: bool = False,
) -> torch.Tensor:
    """Convolves features with a 3x3 kernel as if they had been enlarged bilinearly before.

    A 3x3 convolution is the sum of nine 1x1 convolutions, each of them shifted by a pixel or not.
    A 1x1 convolution and enlarging commute, so that the nine are computed at the features' own
    resolution, and a shift is part of the weights with which rows and columns are then mixed: the
    same numbers, at a third of the cost where the sides double, and at a thirtieth where they grow
    eightfold. A single pixel stands for a picture that is the same everywhere.

    Args:
        x: (N, channels, h, w).
        weight: (out_channels, channels, 3, 3), of a convolution with a padding of 1.
        size: (height, width) that the features would be enlarged to.
        align_corners: As of `torch.nn.functional.interpolate`.

    Returns:
        (N, out_channels, height, width), without the convolution's bias.
    """
    out_channels = weight.shape[0]
    height, width = x.shape[2:]
    kernels = weight.permute(0, 2, 3, 1).flatten(0, 2)[..., None, None]
    taps = F.conv2d(x, kernels)  # (N, out_channels * 9, h, w)
    taps = taps.reshape(-1, out_channels, TAPS, TAPS, height, width).transpose(3, 4)
    # (N, out_channels, 3 * h, 3 * w), a row for each tap of each row, a column for each of each.
    taps = taps.reshape(-1, out_channels, TAPS * height, TAPS * width)
    columns = _shares(width, size[1], align_corners, x)
    rows = _shares(height, size[0], align_corners, x)
    return rows.transpose(0, 1) @ (taps @ columns)


def _shares(cells: int, pixels: int, align_corners: bool, like: torch.Tensor) -> torch.Tensor:
    """The share of each cell in each pixel along one side, under each of a kernel's three taps.

    Returns:
        (3 * cells, pixels); zeros where a tap lies beyond the edge.
    """
    shares = torch.eye(cells, dtype=torch.float32, device=like.device)[None]
    shares = F.interpolate(shares, pixels, mode="linear", align_corners=align_corners)[0]
    padded = F.pad(shares, (1, 1))
    taps = [padded[:, tap : tap + pixels] for tap in range(TAPS)]
    return torch.cat(taps).to(like.dtype)
