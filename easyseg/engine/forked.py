"""What a process can do that was forked from one whose networks have run.

The threads of OpenMP, oneTBB and CUDA's context do not come along: whoever waits for them waits
for ever. PyTorch on one thread needs none of them.
"""

import ctypes
import os
import warnings

import torch

from easyseg.errors import EasysegWarning, ModelError

_worker: int | None = None
"""The first process that made a network ready."""

_child: int | None = None
"""The forked process that was told to use one thread."""

_on_cuda: int | None = None
"""The first process that used CUDA."""


def prepare() -> bool:
    """Makes PyTorch usable here; called before a network is loaded or run.

    Returns:
        Whether this process was forked from one that had a network. It has one thread for PyTorch
        then, and a warning says so once.
    """
    global _worker, _child
    own = os.getpid()
    if _worker is None:
        _worker = own
    if own == _worker:
        return False
    if _child != own:
        _child = own
        torch.set_num_threads(1)
        warnings.warn(
            "this process was forked from one that has loaded a model, and the threads of that one "
            "are not here: PyTorch runs on one thread. multiprocessing.get_context('spawn') starts "
            "processes that can use all cores",
            EasysegWarning,
            stacklevel=2,
        )
    return True


def check_cuda() -> None:
    """Makes sure that CUDA is usable here; called before it is used.

    Raises:
        ModelError: If this process was forked from one that has used it.
    """
    global _on_cuda
    own = os.getpid()
    if _on_cuda is None:
        _on_cuda = own
    if own != _on_cuda:
        raise ModelError(
            "a network on CUDA cannot be used in a process that was forked: make a Segmenter in "
            "each, started with multiprocessing.get_context('spawn')"
        )


def abandon(network: object) -> None:
    """Keeps a network that belongs to another process for ever: its end would wait for threads."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(network))
