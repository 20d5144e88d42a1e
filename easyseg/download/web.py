"""One request over HTTP. The only place that imports requests."""

import email.utils
import math
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from easyseg.download.environment import is_offline
from easyseg.download.watch import Watch
from easyseg.errors import DownloadError, InputError

if TYPE_CHECKING:
    import requests

LIMIT = 128 * 1024 * 1024
"""Most bytes that `read_url` takes, unless told otherwise."""

TIMEOUT = (5.0, 20.0)
"""Seconds to wait for a connection, and for the next bytes."""

DEADLINE = 300.0
"""Seconds for a small file, whatever keeps coming."""

CHUNK = 64 * 1024
"""Bytes read at once: what a lost connection may cost."""

_MAX_REDIRECTS = 5
_MOST_DIGITS = 18
"""Of a number of bytes; Python refuses to read thousands of them, and no disk has so many."""
_PASSING = {408, 425, 429}
_ADVICE = {
    401: "the server asks for a login",
    403: "the server refuses access",
    404: "there is nothing at this address: check it for a typing error",
    410: "it was there once, and is gone",
    429: "too many requests: wait a while and try again",
}


class SourceError(DownloadError):
    """One source does not give what was asked for; another one may.

    Attributes:
        what: What happened, in a few words that follow the name of the source.
    """

    def __init__(self, message: str, *, what: str = "") -> None:
        super().__init__(message)
        self.what = what or message


class UnreachableError(SourceError):
    """No connection could be made: there is no network, or it is switched off."""


class BrokenOffError(SourceError):
    """The connection was lost, or fell silent, before everything had come."""


class RefusedError(SourceError):
    """The server answered something else than the file.

    Attributes:
        is_passing: Whether the same question may be answered later.
        wait: Seconds that the server asks to wait for; None where it does not say.
    """

    def __init__(
        self, message: str, *, what: str = "", is_passing: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(message, what=what)
        self.is_passing = is_passing
        self.wait = wait


def read_url(
    url: str,
    *,
    limit: int = LIMIT,
    timeout: tuple[float, float] = TIMEOUT,
    deadline: float = DEADLINE,
) -> bytes:
    """Fetches a small file, such as a picture, into memory.

    Args:
        url: `http://` or `https://` address.
        limit: Most bytes to take.
        timeout: Seconds to wait for a connection, and for the next bytes of the answer.
        deadline: Seconds for all of it.

    Returns:
        The body of the answer, complete.

    Raises:
        InputError: If `url` is no http(s) address.
        DownloadError: If easyseg is offline, the server cannot be reached, answers anything but
            200, is silent or slow for too long, or sends less than it announced or more than
            `limit`.
    """
    with opened(url, timeout, deadline=deadline) as (response, pieces):
        announced = announced_bytes(response)
        if announced is not None and announced > limit:
            raise DownloadError(_too_large(url, limit, f"announces {announced:,}"))
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > limit:
                raise DownloadError(_too_large(url, limit, "sends more"))
        # What came over the wire: the body itself may have been compressed.
        received = response.raw.tell()
        if announced is not None and received != announced:
            raise DownloadError(
                f"{shown(url)} broke off: {received:,} of {announced:,} bytes came. Try again"
            )
    return bytes(body)


@contextmanager
def opened(
    url: str,
    timeout: tuple[float, float],
    *,
    headers: Mapping[str, str] | None = None,
    accepted: Collection[int] = (200,),
    deadline: float | None = None,
) -> "Iterator[tuple[requests.Response, Iterator[bytes]]]":
    """Opens the answer to a GET; what the network does inside the block becomes a SourceError.

    Args:
        url: `http://` or `https://` address.
        timeout: Seconds to wait for a connection, and for the next bytes of the answer. The head
            of the answer, and each piece of its body, may take as long as both together.
        headers: More headers for the request.
        accepted: Status codes that are no error.
        deadline: Seconds for all of it; None for no limit but those.

    Yields:
        The answer, and its body in pieces of up to `CHUNK` bytes, which has not been read yet.

    Raises:
        InputError: If `url` is no http(s) address.
        UnreachableError: If easyseg is offline, or there is no connection.
        BrokenOffError: If the connection is lost, silent or too slow.
        RefusedError: If the status is none of `accepted`.
        SourceError: If anything else is wrong with the answer.
    """
    _check_url(url)
    if is_offline():
        raise UnreachableError(
            f"{shown(url)} is not fetched, for EASYSEG_OFFLINE is set in the environment: unset "
            "it, or give a local file",
            what="is not asked, for EASYSEG_OFFLINE is set in the environment",
        )
    import requests
    import urllib3

    is_answered = False
    with Watch(sum(timeout), deadline) as watch, requests.Session() as session:
        _prepare(session, headers or {})
        watch.watch(session)
        # urllib3's own errors and UnicodeError (a host name that cannot be one) slip through
        # requests, and so does what urlsplit says of the address that a server sends on to.
        try:
            with _got(session, url, timeout) as response:
                is_answered = True
                if response.status_code not in accepted:
                    raise _refused(url, response)
                yield response, _pieces(response, watch)
                if watch.is_late:  # an end that nobody announced
                    raise _too_slow(url)
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            if watch.is_late:
                raise _too_slow(url) from error
            raise _failure(error, url, timeout, is_answered) from error


def _prepare(session: "requests.Session", headers: Mapping[str, str]) -> None:
    import requests

    session.max_redirects = _MAX_REDIRECTS
    session.headers["User-Agent"] = f"easyseg ({requests.utils.default_user_agent()})"
    # Pictures and weights are compressed as they are.
    session.headers["Accept-Encoding"] = "identity"
    session.headers.update(headers)


def _got(
    session: "requests.Session", url: str, timeout: tuple[float, float]
) -> "requests.Response":
    import requests
    import urllib3

    try:
        return session.get(url, stream=True, timeout=timeout)
    except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError):
        raise  # some are ValueErrors
    except ValueError as error:
        what = f"cannot be fetched: it leads on to what is no address: {error}"
        raise SourceError(f"{shown(url)} {what}", what=what) from error


def _pieces(response: "requests.Response", watch: Watch) -> Iterator[bytes]:
    watch.renew()
    for piece in response.iter_content(CHUNK):
        yield piece
        watch.renew()


def _too_slow(url: str) -> BrokenOffError:
    what = "is too slow to come to an end"
    return BrokenOffError(f"{shown(url)} {what}. Check the network, or try again", what=what)


def announced_bytes(response: "requests.Response") -> int | None:
    """Reads the Content-Length; None where there is none to go by."""
    if "Transfer-Encoding" in response.headers:
        return None
    return number_of_bytes(response.headers.get("Content-Length", ""))


def number_of_bytes(text: str) -> int | None:
    """Reads a number in a header, however long; None for what is none."""
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def shown(url: str) -> str:
    """Gives the address without a user's name and password, for messages and files."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _check_url(url: object) -> None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"expected an address such as https://example.org/a.jpg, got {url!r}")


def _failure(
    error: Exception, url: str, timeout: tuple[float, float], is_answered: bool
) -> SourceError:
    """Says in a user's words what went wrong, and what to do."""
    import requests.exceptions as failures
    import urllib3.exceptions as causes

    # While a body is read, requests wraps what urllib3 raises in a plain ConnectionError.
    cause = error.args[0] if error.args else None
    kind: type[SourceError] = BrokenOffError
    if isinstance(error, failures.ReadTimeout) or isinstance(cause, causes.ReadTimeoutError):
        what = f"stalled: no data for {timeout[1]:g} s"
        advice = "Check the network, or try again"
    elif is_answered or isinstance(cause, causes.ProtocolError):
        what, advice = "broke off before it was complete", "Try again"
    else:
        kind, what, advice = _no_answer(error, urlsplit(url).hostname, timeout[0])
    return kind(f"{shown(url)} {what}. {advice}".rstrip(". "), what=what)


def _no_answer(
    error: Exception, host: str | None, seconds: float
) -> tuple[type[SourceError], str, str]:
    """Tells why no answer began: the kind of error, what happened, what to do."""
    import requests.exceptions as failures

    # Each is a child of a later one: the order counts.
    reasons: list[tuple[type[Exception], type[SourceError], str, str]] = [
        (
            failures.SSLError,
            SourceError,
            "gives no secure connection",
            "Check the address and this machine's clock; behind a company's proxy, name its "
            "certificates in REQUESTS_CA_BUNDLE",
        ),
        (
            failures.ProxyError,
            UnreachableError,
            "is to be reached through a proxy that does not answer",
            "See HTTP_PROXY, HTTPS_PROXY",
        ),
        (
            failures.ConnectTimeout,
            UnreachableError,
            f"cannot be reached: {host} did not answer within {seconds:g} s",
            "Check the network, or try again",
        ),
        (
            failures.ConnectionError,
            UnreachableError,
            f"cannot be reached: {host} has no address or refuses the connection",
            "Check the address and the network; without a network, give a local file",
        ),
        (failures.TooManyRedirects, SourceError, f"leads on more than {_MAX_REDIRECTS} times", ""),
    ]
    found = (reason[1:] for reason in reasons if isinstance(error, reason[0]))
    return next(found, (SourceError, f"cannot be fetched: {error}", ""))


def _refused(url: str, response: "requests.Response") -> RefusedError:
    status = response.status_code
    advice = _ADVICE.get(status)
    if advice is None:
        advice = "the server has a fault: try again later" if status >= 500 else "expected 200"
    what = f"cannot be fetched: the answer is {f'{status} {response.reason or str()}'.strip()}"
    return RefusedError(
        f"{shown(url)} {what}; {advice}",
        what=what,
        is_passing=status in _PASSING or status >= 500,
        wait=_seconds_to_wait(response.headers.get("Retry-After", "")),
    )


def _seconds_to_wait(text: str) -> float | None:
    """Reads a Retry-After: a number of seconds, or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(text)
    except ValueError:
        date = email.utils.parsedate_tz(text)
        try:
            seconds = email.utils.mktime_tz(date) - time.time() if date else math.inf
        except (OverflowError, ValueError):  # no day of any calendar
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _too_large(url: str, limit: int, what: str) -> str:
    return f"{shown(url)} is too large: at most {limit:,} bytes are taken, the server {what}"
