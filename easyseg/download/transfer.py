"""One source brings an unfinished download nearer to its end."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.download.files import copy, difference, require_space
from easyseg.download.part import Origin, Part
from easyseg.download.progress import progress_bar
from easyseg.download.remote import RemoteFile
from easyseg.download.web import (
    BrokenOffError,
    SourceError,
    announced_bytes,
    number_of_bytes,
    opened,
    shown,
)

if TYPE_CHECKING:
    import requests

LARGEST = 8_000_000_000
"""Most bytes that are taken of a file whose size nobody tells."""

_WHOLE, _REST, _NOTHING_LEFT = 200, 206, 416


class WrongFileError(SourceError):
    """A source gives another file than the one that was expected."""


def receive(
    remote: RemoteFile, url: str, part: Part, timeout: tuple[float, float], *, progress: bool
) -> None:
    """Asks a server for what is missing of a file, and appends it to what is there.

    Goes on only where the server vouches, by ETag or time, that it still is the same file, or where
    the hash will tell. Otherwise, and where the server knows no ranges, the file is begun anew.

    Args:
        remote: What is known of the file.
        url: One of its addresses.
        part: What is there; complete when this returns, but not checked.
        timeout: Seconds to wait for a connection, and for the next bytes.
        progress: Whether to show a bar, where the standard error is a terminal.

    Raises:
        SourceError: If this address does not give the file, or not all of it.
        DownloadError: If the disk has no room for it.
        OSError: If the disk refuses.
    """
    origin = _origin(url, part)
    start = part.size if remote.sha256 or origin.validator else 0
    if start and start == (remote.size or origin.total):
        return
    if not start or not _go_on(remote, url, part, start, timeout, progress):
        _begin(remote, url, part, timeout, progress)


def copy_from_folder(remote: RemoteFile, folder: Path, part: Part) -> None:
    """Copies a file from a mirror that is a local folder, from the beginning.

    Args:
        remote: What is known of the file.
        folder: The mirror.
        part: What is there; complete when this returns, but not checked.

    Raises:
        SourceError: If the folder does not have the file, or has another one.
        DownloadError: If the disk has no room for it.
        OSError: If the disk refuses.
    """
    source = folder / remote.name
    try:
        wrong = difference(remote, source)
    except OSError as error:
        wrong = f"it cannot be read: {error.strerror or error}"
    if wrong:
        what = f"does not give {remote.name}: {wrong}"
        raise SourceError(f"{str(folder)!r} {what}", what=what)
    copy(source, part)


def _origin(url: str, part: Part) -> Origin:
    """What is known of what came from this address; nothing where it came from another."""
    origin = part.origin
    return origin if origin and origin.source == shown(url) else Origin(shown(url))


def _begin(
    remote: RemoteFile, url: str, part: Part, timeout: tuple[float, float], progress: bool
) -> None:
    with opened(url, timeout) as (response, pieces):
        is_encoded = _is_encoded(response)
        if not remote.sha256 and response.headers.get("Content-Type", "").startswith("text/html"):
            # As the log-in pages of hotels do; with a hash, that would tell.
            what = "gives a web page"
            raise WrongFileError(f"{shown(url)} {what}", what=what)
        # What is counted here are decoded bytes, which the server says nothing about.
        announced = 0 if is_encoded else announced_bytes(response) or 0
        validator = "" if is_encoded else _validator(response)
        total = _checked_total(remote, url, announced)
        if not _is_cut_noticed(remote, response):
            what = "does not say how long the file is, and no hash tells whether all of it came"
            raise SourceError(f"{shown(url)} {what}", what=what)
        require_space(part.path, total)
        part.restart(Origin(shown(url), validator, total))
        _append(pieces, remote, url, part, total, progress)


def _go_on(
    remote: RemoteFile,
    url: str,
    part: Part,
    start: int,
    timeout: tuple[float, float],
    progress: bool,
) -> bool:
    """Asks for the rest of a file.

    Returns:
        False where the server does not give that, or gives the rest of another file.
    """
    origin = _origin(url, part)
    headers = {"Range": f"bytes={start}-"}
    if origin.validator:
        headers["If-Range"] = origin.validator
    accepted = (_WHOLE, _REST, _NOTHING_LEFT)
    with opened(url, timeout, headers=headers, accepted=accepted) as (response, pieces):
        total = _total_if_rest(response, start)
        etags = {origin.validator, response.headers.get("ETag", "")}
        is_other = len(etags) == 2 and all(etag.startswith('"') for etag in etags)
        is_other = is_other or bool(origin.total and total != origin.total)
        if total is None or is_other or _is_encoded(response):
            return False
        _checked_total(remote, url, total)
        if response.status_code == _REST:
            require_space(part.path, total - start)
            _append(pieces, remote, url, part, total, progress)
    return True


def _total_if_rest(response: "requests.Response", start: int) -> int | None:
    """Reads the size of the whole file from an answer with its rest; None if it is no such."""
    text = response.headers.get("Content-Range", "")
    if response.status_code == _REST:
        match = re.fullmatch(rf"bytes {start}-\d+/(\d+)", text)
        return number_of_bytes(match[1]) if match else None
    # Nothing is left where all is there: a process ended between the last byte and the checking.
    is_complete = response.status_code == _NOTHING_LEFT and text == f"bytes */{start}"
    return start if is_complete else None


def _is_encoded(response: "requests.Response") -> bool:
    return response.headers.get("Content-Encoding", "identity") != "identity"


def _is_cut_noticed(remote: RemoteFile, response: "requests.Response") -> bool:
    """Tells whether a file that is cut short will be known for one."""
    is_chunked = "Transfer-Encoding" in response.headers  # which has an end of its own
    has_end = is_chunked or announced_bytes(response) is not None
    return has_end or bool(remote.sha256 or remote.size or remote.check)


def _validator(response: "requests.Response") -> str:
    """Chooses what to ask for the rest by; a weak ETag vouches for no byte (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _checked_total(remote: RemoteFile, url: str, total: int) -> int:
    """Compares what a server announces with what is known; gives the better knowledge."""
    if remote.size and total and total != remote.size:
        what = f"has a file of {total:,} bytes, not {remote.size:,}"
        raise WrongFileError(f"{shown(url)} {what}", what=what)
    return total or remote.size


def _append(
    pieces: Iterator[bytes],
    remote: RemoteFile,
    url: str,
    part: Part,
    total: int,
    progress: bool,
) -> None:
    size = part.size
    with (
        progress_bar(remote.name, size, total, is_wanted=progress) as bar,
        part.path.open("ab") as file,
    ):
        for piece in pieces:
            file.write(piece)
            size += len(piece)
            bar.update(len(piece))
            if size > (total or LARGEST):
                what = f"sends more than the {total or LARGEST:,} bytes of the file"
                raise WrongFileError(f"{shown(url)} {what}", what=what)
    if size < total:
        what = f"broke off: {size:,} of {total:,} bytes came"
        raise BrokenOffError(f"{shown(url)} {what}. Try again", what=what)
