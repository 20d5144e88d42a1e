"""Tells the files that easyseg has written from those of others.

A file is marked with its size and the time of its last change, so that one which somebody has
changed since is nobody's earlier output. The mark is an extended attribute of the file; where there
are none (Windows, macOS, some disks), a list in the cache folder.
"""

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from easyseg.files.leftovers import new_name

_ATTRIBUTE = "user.easyseg.output"
_LIST = ".outputs"
_LONGEST = 8_000_000
"""Bytes of the list; beyond, its older half is forgotten."""

GROWING = "growing"
"""Mark of a file that is written under its own name: it is one, whatever becomes of it."""


def mark(path: Path, target: Path, *, growing: bool = False) -> None:
    """Notes that a file is easyseg's; where that cannot be noted, it is nobody's.

    Args:
        path: The file, complete.
        target: The name that it is going to have.
        growing: Whether it will still change.
    """
    with contextlib.suppress(OSError):
        value = GROWING if growing else _state(path)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setxattr(path, _ATTRIBUTE, value.encode())
                return
        _add_to_list(target, value)


def is_marked(path: Path) -> bool:
    """Tells whether easyseg wrote a file, and nobody has changed it since."""
    with contextlib.suppress(OSError):
        wanted = {GROWING, _state(path)}
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                return os.fsdecode(os.getxattr(path, _ATTRIBUTE)) in wanted
        known = set(_list_file().read_text("ascii").splitlines())
        return any(_line(path, value) in known for value in wanted)
    return False


def _state(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _line(path: Path, value: str) -> str:
    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()
    return f"{name[:32]} {value}"


def _list_file() -> Path:
    # Here, because the download room writes files, too.
    from easyseg.download.environment import cache_folder
    from easyseg.errors import DownloadError

    try:
        return cache_folder() / _LIST
    except DownloadError as error:  # nobody is at home
        raise OSError(str(error)) from error


def _add_to_list(target: Path, value: str) -> None:
    file = _list_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:  # a short line is appended as a whole
        opened.write(f"{_line(target, value)}\n".encode("ascii"))
        is_long = opened.tell() > _LONGEST
    if is_long:
        lines = file.read_bytes().splitlines(keepends=True)
        part = file.with_name(new_name())
        part.write_bytes(b"".join(lines[len(lines) // 2 :]))
        part.replace(file)
