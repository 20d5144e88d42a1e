"""What computes a network's answer: PyTorch, or a faster engine where one is installed."""

import torch

from easyseg.engine.backends.network import Checkpoint, Network
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.errors import InputError

__all__ = ["BACKENDS", "Checkpoint", "Network", "open_network"]

BACKENDS = ("torch",)
"""Names of the backends; `"auto"` takes the best of those installed."""


def open_network(
    checkpoint: Checkpoint, *, device: torch.device, backend: str, precision: str
) -> Network:
    """Makes a network ready to run.

    Args:
        checkpoint: The network.
        device: Where it runs.
        backend: One of `BACKENDS`, or `"auto"`.
        precision: A precision that the device has.

    Returns:
        The network.

    Raises:
        InputError: If there is no such backend, or the output stride does not suit.
        ModelError: If the file does not fit its record.
    """
    if backend not in ("auto", *BACKENDS):
        raise InputError(f"backend must be one of {['auto', *BACKENDS]}, not {backend!r}")
    return TorchNetwork(checkpoint, device, precision)
