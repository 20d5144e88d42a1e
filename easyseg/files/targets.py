"""Looks at a place before a file is written to it, and makes the folder for it."""

import os
import stat
from pathlib import Path

from easyseg.errors import MediaError
from easyseg.files.guard import check_replaceable
from easyseg.files.words import os_error_as_media_error, shortened


def check_target(path: Path) -> None:
    """Tells, before any work is done, that a file cannot or must not be written to a path.

    A file that is write-protected is left alone, for root, too: who may replace a file has not
    been asked whether it shall be replaced.

    Raises:
        MediaError: No file can be written there.
        InputError: It must not be replaced, see `guarding`.
    """
    with os_error_as_media_error("write", path):
        if not path.parent.is_dir():
            reason = f"there is no folder {path.parent}; create it first"
        elif path.is_dir():
            reason = "it is a folder; give the name of a file in it"
        elif path.exists() and not path.is_file():
            reason = "it is a device or a pipe, not a file"
        elif path.exists() and not _is_writable(path):
            reason = "the file that is there is read-only"
        else:
            reason = ""
    if reason:
        raise MediaError(f"cannot write {shortened(path)}: {reason}")
    check_replaceable(path)


def make_folder(folder: Path) -> None:
    """Makes a folder, with those above it, where it is not there yet.

    Raises:
        MediaError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"cannot make the folder {folder}: {error.strerror}") from error


def _is_writable(path: Path) -> bool:
    anybody = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    return bool(path.stat().st_mode & anybody) and os.access(path, os.W_OK)
