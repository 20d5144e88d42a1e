"""Names for files that are not complete, and the end of those whose writer is gone.

A name is drawn at random, because writers in two containers may have one process id. As long as it
writes, a writer holds the operating system's lock on its file; it goes with the process, however
that ends, and across containers that share a folder. On Windows, where a file cannot be deleted
while somebody has it open, that is the sign of life.
"""

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_NAME = re.compile(r"\.easyseg-[0-9a-f]{16}\.part(\.\w+)?")

_RARELY = 100
"""How many times longer than a search of a folder it is until the next one."""

_due: dict[Path, float] = {}
"""When each folder may be searched again; two threads may search one at once."""


def new_name(suffix: str = "") -> str:
    """Draws a hidden name for what is not complete, with an extension at its end."""
    return f".easyseg-{secrets.token_hex(8)}.part{suffix}"


def claim(descriptor: int) -> bool:
    """Locks a new part, a file or a folder, as a sign that its writer lives.

    Args:
        descriptor: Of the part; the lock goes when it is closed.

    Returns:
        False where a sweeper was quicker: then the part is gone.
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody sweeps there
        return True
    return os.fstat(descriptor).st_nlink > 0


def sweep(folder: Path) -> None:
    """Deletes what writers left in a folder that are gone.

    A folder is searched so seldom that it costs a hundredth of the time, however many files it has.
    """
    began = time.monotonic()
    if began < _due.get(folder, began):
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_dead(Path(entry.path))
    end = time.monotonic()
    _due[folder] = end + _RARELY * (end - began)


def _remove_if_dead(part: Path) -> None:
    """Raises OSError where it is alive, or somebody else's."""
    if sys.platform == "win32":
        part.unlink()
        return
    descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            shutil.rmtree(part)
        else:
            part.unlink()
    finally:
        os.close(descriptor)
