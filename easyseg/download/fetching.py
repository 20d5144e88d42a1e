"""From a record of a published file to the file: sources, retries, checks."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from easyseg.download import files
from easyseg.download.environment import is_offline, mirror
from easyseg.download.part import Part
from easyseg.download.progress import say
from easyseg.download.remote import RemoteFile
from easyseg.download.transfer import WrongFileError, copy_from_folder, receive
from easyseg.download.web import (
    TIMEOUT,
    BrokenOffError,
    RefusedError,
    SourceError,
    UnreachableError,
    shown,
)
from easyseg.errors import DownloadError

_PROGRESS = 1024 * 1024
"""Bytes that make a try count as a success although it broke off."""


@dataclass(frozen=True)
class Patience:
    """How long a download is kept trying.

    Attributes:
        timeout: Seconds to wait for a connection, and for the next bytes.
        tries: Tries in a row that may break off, at one address.
        first_delay: Seconds to wait after the first of them; each further wait is twice as long.
        longest_delay: Most seconds to wait, whatever a server asks for.
        sleep: What waits.
    """

    timeout: tuple[float, float] = TIMEOUT
    tries: int = 5
    first_delay: float = 1.0
    longest_delay: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failed: int, asked: float | None) -> None:
        """Waits before the next try.

        Args:
            failed: Number of tries that have failed.
            asked: Seconds that the server asks for, if it does.
        """
        delay = self.first_delay * 2.0 ** (failed - 1)
        # Many that lost one server at one time are not to come back at one time.
        delay *= random.uniform(0.5, 1.0)
        self.sleep(min(self.longest_delay, max(delay, asked or 0.0)))


PATIENCE = Patience()


def fetch(remote: RemoteFile, *, progress: bool = True, patience: Patience | None = None) -> Path:
    """Gives a published file, from the cache or from where it is published.

    Threads and processes that ask at once share one download. What has come of a download that
    broke off is kept, and continued by the next call. The file gets its name when it is complete
    and has been checked, see `files.verified`.

    Args:
        remote: What is known of the file.
        progress: Whether to show a bar, where the standard error is a terminal.
        patience: How long to try; None takes the usual.

    Returns:
        The file in the cache.

    Raises:
        UnreachableError: If it is not in the cache and there is no network, or it is switched off.
        DownloadError: If it cannot be had, or not be kept, for any other reason.
    """
    path = files.verified(remote)
    if path is not None:
        return path
    target = files.path_of(remote)

    def waiting() -> None:
        say(f"{remote.name} is being fetched by another process: waiting", is_wanted=progress)

    with files.exclusive(target, waiting):
        wrong = files.problem(remote)  # by now another process may have fetched it
        if wrong:
            failures = [f"the file in the cache is damaged: {wrong}"] if target.exists() else []
            for line in failures:
                say(f"{remote.name}: {line}; it is fetched again", is_wanted=progress)
            _fetch(remote, target, failures, progress, patience or PATIENCE)
    return target


def _fetch(
    remote: RemoteFile, target: Path, failures: list[str], progress: bool, patience: Patience
) -> None:
    """Tries one source after the other; `failures` is what has gone wrong already."""
    part = Part(target)
    remote = files.as_it_came_first(remote)
    no_network = is_offline()
    for source in _sources(remote):
        try:
            _try_patiently(remote, source, part, progress, patience)
        except SourceError as error:
            no_network = no_network or isinstance(error, UnreachableError)
            failures.append(f"{_named(source)} {error.what}")
        else:
            files.install(remote, part, target)
            return
    if is_offline():
        failures.append("the network is not used, for EASYSEG_OFFLINE is set in the environment")
    if not failures:
        failures.append("no address is known for it")
    trouble = "; ".join(failures)
    message = f"{remote.name} could not be fetched: {trouble}. {_way_out(remote, part.size)}"
    if no_network:
        what = "EASYSEG_OFFLINE is set" if is_offline() else "there is no network"
        raise UnreachableError(message, what=what)
    raise DownloadError(message)


def _sources(remote: RemoteFile) -> list[str | Path]:
    first = mirror()
    sources: list[str | Path] = [*remote.urls]
    if isinstance(first, str):
        sources.insert(0, f"{first.rstrip('/')}/{quote(remote.name)}")
    if is_offline():
        sources.clear()
    if isinstance(first, Path):
        sources.insert(0, first)
    return sources


def _named(source: str | Path) -> str:
    return str(source) if isinstance(source, Path) else shown(source)


def _try_patiently(
    remote: RemoteFile, source: str | Path, part: Part, progress: bool, patience: Patience
) -> None:
    """Tries one address until the file is complete and right, or hope is lost."""
    failed = wrong = 0
    furthest = part.size
    is_reached = False
    while True:
        try:
            _try(remote, source, part, progress, patience)
        except SourceError as error:
            wrong += isinstance(error, WrongFileError)
            failed = 1 if part.size >= furthest + _PROGRESS else failed + 1
            furthest = max(furthest, part.size)
            is_reached = is_reached or not isinstance(error, UnreachableError)
            if failed >= patience.tries or wrong > 1 or not _may_pass(error, is_reached):
                raise
            patience.wait(failed, error.wait if isinstance(error, RefusedError) else None)
        else:
            return


def _try(
    remote: RemoteFile, source: str | Path, part: Part, progress: bool, patience: Patience
) -> None:
    if isinstance(source, Path):
        copy_from_folder(remote, source, part)
    else:
        receive(remote, source, part, patience.timeout, progress=progress)
    wrong = files.difference(remote, part.path)
    if wrong:
        part.discard()
        what = f"gives another file: {wrong}"
        raise WrongFileError(f"{_named(source)} {what}", what=what)


def _may_pass(error: SourceError, is_reached: bool) -> bool:
    """Tells whether the next try at the same source may go better."""
    if isinstance(error, UnreachableError):
        return is_reached  # the network was there a moment ago
    if isinstance(error, RefusedError):
        return error.is_passing
    return isinstance(error, (BrokenOffError, WrongFileError))


def _way_out(remote: RemoteFile, come: int) -> str:
    goes_on = f", which goes on after the {come / 1e6:,.1f} MB that have come" if come else ""
    by_hand = f"fetch {shown(remote.urls[0])} by hand" if remote.urls else "get it elsewhere"
    return (
        f"Try again later: easyseg download {remote.title}{goes_on}. Or {by_hand}, and hand it "
        f"over: easyseg download --from FILE {remote.title}"
    )
