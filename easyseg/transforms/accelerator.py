"""Loads the compiled kernels where numba is installed, and shares their work among threads.

Nothing depends on them: without numba, with one that does not work, and where the compiled code
cannot be kept on disk, plain NumPy and PyTorch give the same answers.
"""

import importlib
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

WORTH_LOADING = 4
"""Pictures that are done without: importing numba takes longer than it saves on so few."""

SWITCH = "EASYSEG_NUMBA"
"""Environment variable; "0" leaves numba alone."""

_lock = threading.Lock()
_pictures = 0
_kernels: Any = None


def kernels() -> Any:
    """Give the compiled kernels, or None for as long as plain NumPy is to do the work.

    They are loaded in a thread of their own once enough pictures have passed, so that nobody waits
    for the compiler; a program that ends before waits for it, once on a machine.
    """
    global _pictures
    if _kernels is not None or _pictures > WORTH_LOADING:
        return _kernels
    with _lock:
        _pictures += 1
        due = _pictures == WORTH_LOADING + 1
    if due and os.environ.get(SWITCH) != "0":
        threading.Thread(target=load, name="easyseg-kernels").start()
    return None


def load() -> bool:
    """Load the kernels now, compiling them if need be; tell whether they are there."""
    global _kernels
    try:
        module = importlib.import_module("easyseg.transforms.compiled")
    except Exception:  # noqa: BLE001 - whatever is wrong with numba, there is another way
        return False
    _kernels = module
    return True


def in_threads(work: Callable[[int, int], None], count: int) -> None:
    """Do `work(first, last)` for all of `count` rows, in as many threads as torch uses.

    The threads live no longer than the call: there is nothing for a fork to lose.
    """
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        work(0, count)
        return
    cuts = [count * number // threads for number in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, *cut) for cut in itertools.pairwise(cuts)]:
            done.result()
