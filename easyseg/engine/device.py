"""Which device a network runs on."""

import torch

from easyseg.errors import InputError


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """Chooses the device.

    Args:
        device: A device, by torch's name for it (`"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`); None
            takes CUDA, then MPS, then the CPU.

    Returns:
        A device that is there.

    Raises:
        InputError: If there is no such device here.
    """
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"device must be 'cpu', 'cuda', 'cuda:0' or 'mps', not {device!r}"
        ) from error
    if not _is_there(wanted):
        raise InputError(
            f"the device {str(wanted)!r} is not available to this PyTorch ({torch.__version__}): "
            "leave device out to take the best there is, or give device='cpu'"
        )
    return wanted


def _is_there(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"
