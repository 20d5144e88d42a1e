"""Opens files and replaces them, and says in plain words why it could not."""

import contextlib
import difflib
import errno
import itertools
import os
import secrets
import stat
from collections.abc import Callable, Iterator
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
    with _os_error_as_media_error("read", path):
        return path.open("rb")


def check_target(path: Path) -> None:
    """Raises MediaError when no file can be written to a path, before any work is done."""
    with _os_error_as_media_error("write", path):
        if not path.parent.is_dir():
            reason = f"there is no folder {path.parent}; create it first"
        elif path.is_dir():
            reason = "it is a folder; give the name of a file in it"
        elif path.exists() and not path.is_file():
            reason = "it is a device or a pipe, not a file"
        elif path.exists() and not os.access(path, os.W_OK):
            reason = "the file that is there is read-only"
        else:
            return
        raise MediaError(f"cannot write {_shortened(path)}: {reason}")


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file so that at any moment it is either the old one or the new one, whole.

    Raises:
        MediaError: It cannot be written. As after any other exception, Ctrl-C included, the old
            file is untouched and the temporary one is gone.
    """
    pending = PendingFile(path)
    try:
        pending.write(data)
        pending.complete()
    except BaseException:
        pending.discard()
        raise


class PendingFile:
    """A file that is written piece by piece and takes its name when it is complete.

    The data go to a temporary file in the same folder. The permissions are those of the file that
    was there, or what the umask says; a symbolic link is followed.

    Args:
        path: The target.

    Attributes:
        path: The target.
        part: Where the data are until it is complete.

    Raises:
        MediaError: There can be no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _os_error_as_media_error("write", path):
            self._target = path.resolve()
        self.part = self._target.with_name(f".easyseg-{secrets.token_hex(8)}.part")
        self._file: BinaryIO | None = None  # whatever is opened, `discard` can find
        self._size = 0

    def write(self, data: bytes) -> None:
        """Adds a piece; one that is interrupted does not count.

        Raises:
            MediaError: It cannot be written, the disk may be full.
        """
        with _os_error_as_media_error("write", self.path):
            file = self._open()
            if file.tell() != self._size:  # the last piece was interrupted
                file.seek(self._size)
                file.truncate()
            file.write(data)
        self._size += len(data)

    def fill(self, write: Callable[[BinaryIO], None]) -> None:
        """Lets something write the file that goes back and forth in it.

        Args:
            write: Takes the open file; what it raises, other than OSError, is passed on.

        Raises:
            MediaError: It cannot be written, the disk may be full.
        """
        with _os_error_as_media_error("write", self.path):
            file = self._open()
        try:
            write(file)
            self._size = file.seek(0, os.SEEK_END)
        except OSError as error:
            reason = _reason(self.path, error)
            raise MediaError(f"cannot write {_shortened(self.path)}: {reason}") from error

    def complete(self) -> None:
        """Gives the file its name.

        Raises:
            MediaError: It cannot be done; the old file is untouched.
        """
        with _os_error_as_media_error("write", self.path):
            with self._open() as file:
                file.truncate(self._size)  # an interrupted piece goes
            if self._target.exists():
                self.part.chmod(stat.S_IMODE(self._target.stat().st_mode))
            self.part.replace(self._target)

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = self.part.open("xb")
        return self._file

    def discard(self) -> None:
        """Throws away what was written; does nothing after `complete`."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        with contextlib.suppress(OSError):
            self.part.unlink()


def make_folder(folder: Path) -> None:
    """Makes a folder, with those above it, where it is not there yet.

    Raises:
        MediaError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"cannot make the folder {folder}: {error.strerror}") from error


@contextlib.contextmanager
def _os_error_as_media_error(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # a null character, a loop of links
        raise MediaError(f"cannot {verb} {_shortened(path)}: {_reason(path, error)}") from error


def _reason(path: Path, error: Exception) -> str:
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


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 300 else f"{text[:300]}..."
