"""The labels of bilinearly enlarged logits on the device where they are.

It is the method of `easyseg.transforms.cells` with less bookkeeping, since a GPU would rather
compute every class at the few pixels of mixed cells than sort out contenders.
"""

import numpy as np
import torch

from easyseg.transforms.geometry import Axis

VALUES_AT_ONCE = 2**24
"""Interpolated logits that exist at the same time: 64 MB."""


def label_pixels(logits: torch.Tensor, vertical: Axis, horizontal: Axis) -> torch.Tensor:
    """Give each pixel the class whose bilinearly interpolated logit is highest.

    Args:
        logits: Finite float32, shape (C, h, w), C at most 255, on any device.
        vertical: Where the H rows of the result lie in the logits.
        horizontal: Where its W columns lie.

    Returns:
        Class ids, uint8, shape (H, W), on the same device; of equal classes the lowest.
    """
    classes, _, width = logits.shape
    winners = logits.argmax(dim=0)
    top, bottom, down = _on(logits.device, vertical)
    left, right, across = _on(logits.device, horizontal)
    above, below = winners[top], winners[bottom]
    first = above[:, left]
    mixed = (first != above[:, right]) | (first != below[:, left]) | (first != below[:, right])
    labels = first.to(torch.uint8)
    flat = logits.reshape(classes, -1)
    y, x = mixed.nonzero(as_tuple=True)
    step = max(1, VALUES_AT_ONCE // (4 * classes))
    for first_pixel in range(0, len(y), step):
        some_y, some_x = (places[first_pixel : first_pixel + step] for places in (y, x))
        far_down, far_across = down[some_y], across[some_x]
        edges = [
            torch.addcmul(
                flat[:, row * width + right[some_x]] * far_across,
                flat[:, row * width + left[some_x]],
                1 - far_across,
            )
            for row in (top[some_y], bottom[some_y])
        ]  # two of (C, pixels)
        value = torch.addcmul(edges[1] * far_down, edges[0], 1 - far_down)
        labels[some_y, some_x] = value.argmax(dim=0).to(torch.uint8)
    return labels


def _on(device: torch.device, axis: Axis) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bring an axis to a device, as (low, high, weight)."""
    low, high, weight = (
        torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)
        for values in (axis.low, axis.high, axis.weight)
    )
    return low, high, weight
