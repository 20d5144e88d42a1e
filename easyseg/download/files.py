"""The files in the cache: looked at, checked, adopted, removed, one process at a time.

Beside `NAME` there may be `NAME.part` and `NAME.part.json` (a download that is not finished),
`NAME.sha256` (the hash of a file whose publisher tells none, as it came) and `NAME.lock`. A lock is
the operating system's: it goes with the process that held it, and the file means nothing.
"""

import errno
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from easyseg._types import PathLike
from easyseg.download.environment import cache_folder, weights_folder
from easyseg.download.part import Origin, Part
from easyseg.download.remote import SHA256_DIGITS, RemoteFile
from easyseg.errors import DownloadError

_BLOCK = 1024 * 1024
_LOCK = ".lock"
_RECORD = ".sha256"
_UNFINISHED = ".part"
_BESIDE = (_RECORD, _UNFINISHED, f"{_UNFINISHED}.json")
_FULL = {errno.ENOSPC, errno.EDQUOT}

_checked: set[tuple[object, ...]] = set()
_checked_lock = threading.Lock()


@dataclass(frozen=True)
class CachedFile:
    """A file in the cache.

    Attributes:
        path: Where it is.
        size: In bytes, with what is kept beside it.
        is_complete: False for a download that is not finished.
    """

    path: Path
    size: int
    is_complete: bool


def path_of(remote: RemoteFile) -> Path:
    """Names the place of a file in the cache, whether it is there or not.

    Raises:
        DownloadError: If the user has no home folder.
    """
    return weights_folder() / remote.name


def is_cached(remote: RemoteFile) -> bool:
    """Tells whether the cache has a file of that name and size; does not read it.

    Raises:
        DownloadError: If the user has no home folder.
    """
    try:
        status = path_of(remote).stat()
    except OSError:
        return False
    return remote.size in (0, status.st_size)


def verified(remote: RemoteFile) -> Path | None:
    """Finds a file in the cache, and checks it.

    It is hashed in full at its first use in a process, and again whenever its size, its time or its
    place on the disk has changed; so a file that was damaged is found by the next process. This
    costs one to two seconds for each gigabyte.

    Returns:
        The file; None where there is none, or a damaged one.

    Raises:
        DownloadError: If the user has no home folder, or the file cannot be read.
    """
    return None if problem(remote) else path_of(remote)


def problem(remote: RemoteFile) -> str:
    """Says what is wrong with a file in the cache.

    Returns:
        A few words; nothing where it is the right file, or nothing is known to judge it by.

    Raises:
        DownloadError: If the user has no home folder, or it cannot be read.
    """
    path = path_of(remote)
    with _storage_errors(path):
        if not path.is_file():
            return "it is not there"
        status = path.stat()
        wanted = as_it_came_first(remote)
        identity = (path, status.st_ino, status.st_size, status.st_mtime_ns, wanted)
        with _checked_lock:
            if identity in _checked:
                return ""
        found = difference(wanted, path)
        if not found:
            with _checked_lock:
                _checked.add(identity)
        return found


def as_it_came_first(remote: RemoteFile) -> RemoteFile:
    """Adds the hash that a file had when it first came, where its publisher tells none.

    Raises:
        DownloadError: If the user has no home folder.
    """
    if len(remote.sha256) == SHA256_DIGITS:
        return remote
    recorded = _recorded_hash(path_of(remote))
    return replace(remote, sha256=recorded) if recorded.startswith(remote.sha256) else remote


def difference(remote: RemoteFile, path: Path) -> str:
    """Compares a file, wherever it is, with what is known of it.

    Returns:
        How it differs, in a few words; nothing where it does not.

    Raises:
        OSError: If it cannot be read.
    """
    if path.is_dir():
        return "it is a folder"
    size = path.stat().st_size
    if remote.size and size != remote.size:
        return f"it has {size:,} bytes, not {remote.size:,}"
    if not remote.sha256:
        if not size:
            return "it is empty"
        return remote.check(path) if remote.check else ""
    digest = sha256_of(path)
    if digest.startswith(remote.sha256):
        return ""
    return f"its SHA-256 begins with {digest[:8]}, not {remote.sha256[:8]}"


def sha256_of(path: Path) -> str:
    """Hashes a file.

    Returns:
        64 hexadecimal digits in lower case.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def adopt(remote: RemoteFile, file: PathLike) -> Path:
    """Takes a file that was fetched by hand into the cache, after checking it.

    Args:
        remote: What it must be.
        file: The file; it is copied.

    Returns:
        Its place in the cache.

    Raises:
        DownloadError: If it is another file, cannot be read, or the cache cannot be written.
    """
    source = Path(os.fspath(file)).expanduser()
    try:
        found = difference(remote, source)
    except OSError as error:
        raise DownloadError(f"{str(source)!r} cannot be read: {error.strerror or error}") from error
    if found:
        raise DownloadError(f"{str(source)!r} is not {remote.name}: {found}. Fetch it again")
    target = path_of(remote)
    with exclusive(target):
        part = Part(target)
        copy(source, part)
        found = difference(remote, part.path)
        if found:
            part.discard()
            raise DownloadError(f"the copy of {str(source)!r} is damaged: {found}. Try again")
        install(remote, part, target)
    return target


def copy(source: Path, part: Part) -> None:
    """Copies a local file into an unfinished one, from the beginning.

    Raises:
        OSError: If one cannot be read, or the other not be written.
    """
    with source.open("rb") as file:
        require_space(part.path, os.fstat(file.fileno()).st_size)
        part.restart(Origin(str(source)))
        with part.path.open("ab") as out:
            shutil.copyfileobj(file, out, _BLOCK)


def install(remote: RemoteFile, part: Part, target: Path) -> None:
    """Gives a complete and checked file its name; whoever reads the old one may go on doing so.

    Raises:
        OSError: If the disk refuses.
    """
    record = target.with_name(target.name + _RECORD)
    if len(remote.sha256) < SHA256_DIGITS:
        record.write_text(f"{sha256_of(part.path)}  {target.name}\n", "utf-8")
    else:
        record.unlink(missing_ok=True)
    with part.path.open("rb+") as file:
        os.fsync(file.fileno())
    part.path.replace(target)
    part.discard()


def remove(remote: RemoteFile) -> int:
    """Deletes a file from the cache, and what has come of an unfinished download of it.

    Returns:
        The number of bytes that became free.

    Raises:
        DownloadError: If the cache cannot be written.
    """
    target = path_of(remote)
    candidates = [target, *(target.with_name(target.name + suffix) for suffix in _BESIDE)]
    freed = 0
    if any(path.is_file() for path in candidates):  # else there may be no folder for a lock
        with exclusive(target):
            for path in candidates:
                if path.is_file():
                    freed += path.stat().st_size
                    path.unlink()
    return freed


def listing() -> list[CachedFile]:
    """Lists what the cache folder holds, by path.

    Raises:
        DownloadError: If the user has no home folder, or the folder cannot be read.
    """
    folder = cache_folder()
    with _storage_errors(folder / "*"):
        sizes = {path: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    found = []
    for path, size in sizes.items():
        if path.name.endswith((_LOCK, _RECORD, f"{_UNFINISHED}.json")):
            continue
        size += sizes.get(path.with_name(path.name + _RECORD), 0)
        found.append(CachedFile(path, size, not path.name.endswith(_UNFINISHED)))
    return found


@contextmanager
def exclusive(target: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Keeps other threads and processes from a file in the cache; makes its folder.

    Args:
        target: The file.
        waiting: Called when another one is at it, before waiting for that to end.

    Raises:
        DownloadError: In place of every OSError, inside the block too.
    """
    with _storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(target.name + _LOCK))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def require_space(path: Path, needed: int) -> None:
    """Checks that a disk has room.

    Args:
        path: A file on the disk, which may not exist yet, in a folder that does.
        needed: Bytes that are still to be written.

    Raises:
        DownloadError: If there is less room than that.
    """
    disk = shutil.disk_usage(path.parent)
    free = disk.free
    if needed > free and disk.total:  # some network drives tell nothing
        raise DownloadError(
            f"{path.name.removesuffix(_UNFINISHED)} needs {needed / 1e6:,.1f} MB more in "
            f"{str(path.parent)!r}, where {free / 1e6:,.1f} MB are free: make room, or set "
            "EASYSEG_HOME to a folder on another disk"
        )


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        advice = "set EASYSEG_HOME to a folder that you can read and write"
        if error.errno in _FULL:
            what, advice = "the disk is full", "make room, or set EASYSEG_HOME to another disk"
        raise DownloadError(
            f"{path.name} in the cache folder {str(path.parent)!r}: {what}; {advice}"
        ) from error


def _recorded_hash(path: Path) -> str:
    """Reads the hash that a file had when it came; empty where none was written down."""
    try:
        text = path.with_name(path.name + _RECORD).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    digest = text.partition(" ")[0]
    return digest if re.fullmatch(rf"[0-9a-f]{{{SHA256_DIGITS}}}", digest) else ""
