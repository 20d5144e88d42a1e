"""A network's logits as everything else in this room wants them."""

import torch

from easyseg.errors import InputError

_LARGEST = torch.finfo(torch.float32).max / 4


def as_grid(logits: torch.Tensor, device: torch.device | str = "cpu") -> torch.Tensor:
    """Check logits and give them as finite float32 (C, h, w) on a device, planes or pixels whole.

    Args:
        logits: As for `restore`.
        device: Where they are wanted.

    Raises:
        InputError: They have another type or shape.
    """
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InputError(f"logits must be a torch tensor of floats, got {kind}")
    if logits.ndim not in (3, 4) or 0 in logits.shape:
        raise InputError(
            "logits must have shape (C, h, w) or (1, C, h, w) without empty sides, got "
            f"{tuple(logits.shape)}"
        )
    if logits.ndim == 4:
        if len(logits) != 1:
            raise InputError(
                f"logits must be of one photograph, got a batch of {len(logits)}; pass them one "
                "by one, each with its own geometry"
            )
        logits = logits[0]
    grid = logits.detach().to(device, torch.float32)
    if not torch.isfinite(grid.sum()):
        grid = torch.nan_to_num(grid, nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)
    if grid.stride(0) == 1:  # channels_last stays so
        return grid.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    return grid.contiguous()
