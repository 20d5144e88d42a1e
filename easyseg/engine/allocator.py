"""Keeps freed memory in the process, for the next picture.

PyTorch frees some ten megabytes after each layer. glibc gives them back to the system and asks for
them again, and the system clears every page anew: a seventh of the CPU's time for a photograph.
"""

import ctypes
import functools
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt`, from glibc's malloc.h."""

KEPT = 256 << 20
"""Freed bytes that stay with the process."""

LARGEST = 32 << 20
"""Larger pieces go back to the system at once; the most that glibc allows."""

SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""Whoever has set one of these has decided."""


@functools.cache
def keep_freed() -> bool:
    """Tells the allocator to keep freed memory; called before PyTorch runs a network on a CPU.

    Returns:
        Whether it does: on Linux with glibc, unless the environment says how it is to work.
    """
    if sys.platform != "linux" or any(name in os.environ for name in SETTINGS):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    is_set = [library.mallopt(M_MMAP_THRESHOLD, LARGEST), library.mallopt(M_TRIM_THRESHOLD, KEPT)]
    return is_set == [1, 1]
