"""A folder for files that are to have a name together, or not at all."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from easyseg.files import leftovers


@contextlib.contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Makes a hidden folder in a folder, which goes with the block.

    What a process leaves there that was killed, the next one in that folder deletes.

    Args:
        folder: On the disk that the files are to stay on.

    Yields:
        The new folder.

    Raises:
        OSError: If it cannot be made.
    """
    leftovers.sweep(folder)
    descriptor = None
    try:
        while True:
            made = folder / leftovers.new_name()
            made.mkdir()
            if sys.platform == "win32":  # knows no locks of folders, and deletes none that is used
                break
            descriptor = os.open(made, os.O_RDONLY)
            if leftovers.claim(descriptor):
                break
            os.close(descriptor)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)
