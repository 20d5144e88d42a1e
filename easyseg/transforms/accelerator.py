"""Loads compiled kernels where numba is installed, and shares their work among threads.

Nothing depends on them: without numba, with one that does not work, and where the compiled code
cannot be kept on disk, plain NumPy, PyTorch and OpenCV give the same answers.
"""

import contextlib
import importlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

WORTH_LOADING = 4
"""Pictures that are done without: importing numba takes longer than it saves on so few."""

SWITCH = "EASYSEG_NUMBA"
"""Environment variable; "0" leaves numba alone."""

_compiler = threading.Lock()


class Kernels:
    """Compiled kernels, loaded in the background once enough pictures have passed.

    The first time on a machine they have to be compiled. A process of its own does that, which
    leaves them on disk: a program that ends meanwhile neither waits for it nor takes the compiler
    down with it.

    Args:
        module: Full name of the module that holds them.
    """

    def __init__(self, module: str) -> None:
        self._name = module
        self._module: Any = None
        self._pictures = 0
        self._lock = threading.Lock()

    def get(self) -> Any:
        """Give the module, or None for as long as the work is to be done without it."""
        if self._module is not None or self._pictures > WORTH_LOADING:
            return self._module
        with self._lock:
            self._pictures += 1
            due = self._pictures == WORTH_LOADING + 1
        if due and os.environ.get(SWITCH) != "0":
            threading.Thread(target=self._prepare, name="easyseg-compiler", daemon=True).start()
        return None

    def load(self) -> bool:
        """Load the kernels now, compiling them if need be; tell whether they are there."""
        try:
            module = importlib.import_module(self._name)
        except Exception:  # noqa: BLE001 - whatever is wrong with numba, there is another way
            return False
        self._module = module
        return True

    def _prepare(self) -> None:
        """Have them compiled elsewhere, then load them."""
        with _compiler:  # one after another: the pictures want the cores, too
            compiled = _compile_elsewhere(self._name)
        if not compiled:
            return
        with contextlib.suppress(Exception):  # `load` says the same
            importlib.import_module("numba")  # most of the time that is left
        # A thread that the program's end waits for: LLVM must not be at work while its memory is
        # taken away.
        with contextlib.suppress(RuntimeError):  # the program is ending
            threading.Thread(target=self.load, name="easyseg-kernels", daemon=False).start()


RESTORING = Kernels("easyseg.transforms.compiled")
"""What `restore` and the shares of classes need."""


def _compile_elsewhere(module: str) -> bool:
    """Import a module in another process; tell whether it can be imported here now."""
    if getattr(sys, "frozen", False) or not Path(sys.executable or "").stem.startswith("python"):
        return True  # a program with Python inside: it would be started a second time
    command = [sys.executable, "-c", f"import {module}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, check=False
        )
    except OSError:
        return True
    return done.returncode == 0


def in_threads(work: Callable[[int, int], None], count: int) -> None:
    """Do `work(first, last)` for all of `count` rows, in as many threads as torch uses.

    The calling thread is one of them, and the others live no longer than the call: there is nothing
    for a fork to lose.
    """
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        work(0, count)
        return
    own, *others = itertools.pairwise(count * number // threads for number in range(threads + 1))
    with ThreadPoolExecutor(threads - 1) as pool:
        elsewhere = [pool.submit(work, *cut) for cut in others]
        work(*own)
        for done in elsewhere:
            done.result()
