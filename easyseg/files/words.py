"""Opens files, and says in plain words why one could not be read or written."""

import contextlib
import difflib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from easyseg.errors import MediaError

_LISTED = 5_000
"""How many names of a folder are looked at for one that is near to a wrong one."""

_ADVICE = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EROFS: "choose another folder",
    errno.EACCES: "change the permissions or choose another place",
}


def open_to_read(path: Path) -> BinaryIO:
    """Opens a file to read; whoever calls closes it.

    Raises:
        MediaError: It cannot be opened; the message names files of nearly the same name.
    """
    with os_error_as_media_error("read", path):
        return path.open("rb")


def may_be_read(path: Path) -> bool:
    """Tells whether what was found in a folder is a file, rather than a pipe, a device, a folder.

    Reading a pipe waits for a writer, for ever perhaps. A link to nothing counts as a file: reading
    it will say what is wrong.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


@contextlib.contextmanager
def os_error_as_media_error(verb: str, path: Path) -> Iterator[None]:
    """Raises MediaError in place of what the operating system says of a path."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # a null character, a loop of links
        raise MediaError(f"cannot {verb} {shortened(path)}: {reason_of(path, error)}") from error


def reason_of(path: Path, error: Exception) -> str:
    """Says why a path cannot be used, and what to do."""
    if isinstance(error, FileNotFoundError):
        return _what_is_missing(path)
    if not isinstance(error, OSError):
        return str(error)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir may raise another error
        return "it is a folder; give a file in it"
    advice = _ADVICE.get(error.errno or 0)
    return (error.strerror or str(error)).lower() + (f"; {advice}" if advice else "")


def _what_is_missing(path: Path) -> str:
    if path.is_symlink():
        return f"it is a link to {path.readlink()}, which does not exist"
    folder = path.absolute().parent
    try:
        names = [entry.name for entry in itertools.islice(folder.iterdir(), _LISTED)]
    except OSError:
        return f"there is no folder {folder}"
    by_lower_case = {name.lower(): name for name in names}
    near = difflib.get_close_matches(path.name.lower(), by_lower_case, n=3)
    if near:
        return f"no such file; did you mean {', '.join(by_lower_case[name] for name in near)}?"
    return f"no such file in {folder}"


def shortened(path: Path) -> str:
    """The path, cut where it fills the screen."""
    text = str(path)
    return text if len(text) <= 300 else f"{text[:300]}..."
