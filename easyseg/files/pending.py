"""Files that are written beside their target, and take its place when they are complete."""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from easyseg.errors import MediaError
from easyseg.files import leftovers
from easyseg.files.interrupts import uninterrupted
from easyseg.files.marks import mark
from easyseg.files.words import os_error_as_media_error, reason_of, shortened


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Writes a file so that at any moment it is either the old one or the new one, whole.

    Args:
        path: The file.
        data: Its new content.
        durable: See `PendingFile`.

    Raises:
        MediaError: It cannot be written. As after any other exception, Ctrl-C included, the old
            file is untouched and the temporary one is gone.
    """
    pending = PendingFile(path, durable=durable)
    try:
        pending.write(data)
        pending.complete()
    except BaseException:
        pending.discard()
        raise


def replace_by(parts: Mapping[Path, Path]) -> None:
    """Gives complete files their names, one right after the other.

    Args:
        parts: The files, on the disk of their targets, by those.

    Raises:
        MediaError: One cannot be replaced.
    """
    with uninterrupted():
        for target, part in parts.items():
            with os_error_as_media_error("write", target):
                final = target.resolve()
                keep_permissions(part, final)
                mark(part, final)
                part.replace(final)


class PendingFile:
    """A file that is written piece by piece and takes its name when it is complete.

    The data go to a temporary file in the same folder. The permissions are those of the file that
    was there, or what the umask says; a symbolic link is followed. Of several writers of one target
    the last one to finish has it, whole. What a writer leaves there that was killed, the next one
    in that folder deletes.

    Args:
        path: The target.
        suffix: Extension of the temporary file, for a library that goes by it.
        durable: Whether to wait until it is on the disk before it takes its name.

    Attributes:
        path: The target.
        part: Where the data are until it is complete.

    Raises:
        MediaError: There can be no such file.
    """

    _file: BinaryIO | None = None

    def __init__(self, path: Path, *, suffix: str = "", durable: bool = False) -> None:
        self.path = path
        with os_error_as_media_error("write", path):
            self._target = path.resolve()
        self._suffix, self._durable = suffix, durable
        self.part = self._target.with_name(leftovers.new_name(suffix))
        self._file = None  # whatever is opened, `discard` can find
        self._process = 0
        self._size: int | None = 0
        self._is_shown = False

    def write(self, data: bytes, *, reserve: int = 0) -> None:
        """Adds a piece; one that is interrupted, or finds no room, does not count.

        Args:
            data: The piece.
            reserve: Bytes that must find room after it, so that the file can be ended.

        Raises:
            MediaError: It cannot be written, the disk may be full.
        """
        with os_error_as_media_error("write", self.path):
            file = self._open()
            size = self._size or 0
            if file.tell() != size:  # the last piece was interrupted
                file.seek(size)
                file.truncate()
            if reserve:
                _reserve(file.fileno(), size, len(data) + reserve)
            file.write(data)
            file.flush()
        self._size = size + len(data)

    def fill(self, write: Callable[[BinaryIO], None]) -> None:
        """Lets something write the file that goes back and forth in it.

        Args:
            write: Takes the open file; what it raises, other than OSError, is passed on.

        Raises:
            MediaError: It cannot be written, the disk may be full.
        """
        with os_error_as_media_error("write", self.path):
            file = self._open()
        try:
            write(file)
            self._size = file.seek(0, os.SEEK_END)
        except OSError as error:
            reason = reason_of(self.path, error)
            raise MediaError(f"cannot write {shortened(self.path)}: {reason}") from error

    def create(self) -> Path:
        """Makes the temporary file, for something else to write by its name.

        Raises:
            MediaError: It cannot be made.
        """
        with os_error_as_media_error("write", self.path):
            self._open()
        self._size = None
        return self.part

    def show(self) -> None:
        """Gives the file its name already now, with what there is, to be watched as it grows.

        Where the disk knows no second name of a file, it appears when it is complete.

        Raises:
            MediaError: It cannot be written.
        """
        with os_error_as_media_error("write", self.path):
            self._open()
        self._is_shown = True
        second = self._target.with_name(leftovers.new_name(self._suffix))
        with contextlib.suppress(OSError, NotImplementedError):
            mark(self.part, self._target, growing=True)
            keep_permissions(self.part, self._target)
            os.link(self.part, second)
            second.replace(self._target)

    def settle(self) -> int:
        """Waits until all that was written is on the disk; gives its length in bytes.

        Raises:
            MediaError: The disk refuses.
        """
        with os_error_as_media_error("write", self.path):
            os.fsync(self._open().fileno())
        return self._size or 0

    def complete(self) -> None:
        """Gives the file its name.

        Raises:
            MediaError: It cannot be done; the old file is untouched.
        """
        with os_error_as_media_error("write", self.path):
            file = self._open()
            if self._size is not None:
                file.truncate(self._size)  # an interrupted piece goes, and room that was reserved
            if self._durable:
                os.fsync(file.fileno())
            if sys.platform == "win32":  # replaces closed files only
                file.close()
            keep_permissions(self.part, self._target)
            mark(self.part, self._target)
            # Of two names of one file, a rename removes none.
            self.part.replace(self._target)
            if self._is_shown:
                self.part.unlink(missing_ok=True)
            file.close()

    def discard(self) -> None:
        """Throws away what was written; does nothing after `complete`."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        with contextlib.suppress(OSError):
            self.part.unlink()

    def __del__(self) -> None:
        # Of one that an interruption has left to itself; a forked process has only a copy.
        if self._file is not None and not self._file.closed and self._process == os.getpid():
            self.discard()

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._process = os.getpid()
            leftovers.sweep(self._target.parent)
        while self._file is None:
            self.part = self._target.with_name(leftovers.new_name(self._suffix))
            file = self.part.open("xb")
            if leftovers.claim(file.fileno()):
                self._file = file
            else:
                file.close()
        return self._file


def keep_permissions(part: Path, target: Path) -> None:
    """Gives a part the permissions of the file that it is going to replace."""
    with contextlib.suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(target.stat().st_mode))


def _reserve(descriptor: int, size: int, more: int) -> None:
    """Raises OSError where the disk has no room for more; some systems cannot tell."""
    if sys.platform != "linux":
        return
    try:
        os.posix_fallocate(descriptor, size, more)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
