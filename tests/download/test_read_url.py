import contextlib
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from easyseg import download
from easyseg.errors import DownloadError, InputError

BODY = bytes(range(256)) * 1024
"""Larger than one chunk."""

SHORT = (5.0, 0.2)


def test_gives_the_whole_body(server) -> None:
    assert download.read_url(server.serve("/a.jpg", BODY)) == BODY


def test_an_empty_file_is_a_file(server) -> None:
    assert download.read_url(server.serve("/a.jpg", b"")) == b""


def test_names_itself_to_the_server(server) -> None:
    download.read_url(server.serve("/a.jpg", BODY))

    [(path, headers)] = server.requests
    assert path == "/a.jpg"
    assert headers["User-Agent"].startswith("easyseg (")


@pytest.mark.parametrize("chunks", [[BODY, b"end"], []])
def test_a_body_without_announced_length(server, chunks: list[bytes]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in [*chunks, b""]:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    server.answers["/a"] = answer
    assert download.read_url(server.url("/a")) == b"".join(chunks)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(404, "nothing at this address"), (403, "refuses"), (503, "try again later"), (204, "200")],
)
def test_any_other_answer_is_an_error(server, status: int, advice: str) -> None:
    url = server.serve("/a.jpg", b"", status=status)
    with pytest.raises(DownloadError, match=f"the answer is {status} .*{advice}"):
        download.read_url(url)


def test_a_truncated_body_is_an_error(server) -> None:
    with pytest.raises(DownloadError, match=r"/a\.jpg broke off"):
        download.read_url(server.serve("/a.jpg", BODY, send=100_000))


def test_a_truncated_body_is_an_error_where_urllib3_does_not_look(
    server, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = requests.adapters.HTTPAdapter.build_response

    def build_as_before_urllib3_2(
        adapter: requests.adapters.HTTPAdapter, request: object, raw: object
    ) -> requests.Response:
        raw.enforce_content_length = False  # type: ignore[attr-defined]
        return build(adapter, request, raw)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "build_response", build_as_before_urllib3_2)
    with pytest.raises(DownloadError, match=r"100,000 of 262,144 bytes came"):
        download.read_url(server.serve("/a.jpg", BODY, send=100_000))


def test_the_limit_is_the_largest_size(server) -> None:
    assert download.read_url(server.serve("/a.jpg", BODY), limit=len(BODY)) == BODY


def test_an_announced_size_over_the_limit_is_not_read(server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10001")
        handler.end_headers()
        server.release.wait(20)

    server.answers["/a"] = answer
    with pytest.raises(DownloadError, match=r"at most 10,000 bytes .* announces 10,001"):
        download.read_url(server.url("/a"), limit=10_000)


def test_more_than_the_limit_is_not_read(server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(BODY)

    server.answers["/a"] = answer
    with pytest.raises(DownloadError, match=r"at most 10,000 bytes .* sends more"):
        download.read_url(server.url("/a"), limit=10_000)


def test_follows_a_redirect(server) -> None:
    server.serve("/new.jpg", BODY)
    url = server.serve("/old.jpg", b"moved", status=302, Location="/new.jpg")
    assert download.read_url(url) == BODY


def test_does_not_follow_redirects_for_ever(server) -> None:
    url = server.serve("/round", b"", status=302, Location="/round")
    with pytest.raises(DownloadError, match="leads on more than 5 times"):
        download.read_url(url)
    assert len(server.requests) == 6


def test_does_not_follow_a_redirect_out_of_the_web(server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    url = server.serve("/a", b"", status=302, Location=secret.as_uri())
    with pytest.raises(DownloadError, match="cannot be fetched"):
        download.read_url(url)


@pytest.mark.parametrize("sent", [None, b"begin"])
def test_a_silent_server_is_given_up(server, sent: bytes | None) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if sent is not None:
            handler.send_response(200)
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(sent)
        server.release.wait(20)

    server.answers["/a"] = answer
    with pytest.raises(DownloadError, match=r"stalled: no data for 0\.2 s"):
        download.read_url(server.url("/a"), timeout=SHORT)


def test_a_server_that_hangs_up(server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    server.answers["/a"] = answer
    with pytest.raises(DownloadError, match="broke off before"):
        download.read_url(server.url("/a"))


def test_a_server_without_a_certificate(server) -> None:
    url = server.url("/a").replace("http://", "https://")
    with pytest.raises(DownloadError, match="gives no secure connection"):
        download.read_url(url)


def test_a_proxy_that_does_not_answer(closed_server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", closed_server.url(""))
    monkeypatch.setenv("http_proxy", closed_server.url(""))
    with pytest.raises(DownloadError, match="through a proxy that does not answer"):
        download.read_url("http://example.invalid/a.jpg")


def test_refused_connection(closed_server) -> None:
    with pytest.raises(DownloadError, match=r"cannot be reached: 127\.0\.0\.1 has no address or"):
        download.read_url(closed_server.url("/a.jpg"))


def test_messages_keep_the_password(closed_server) -> None:
    with pytest.raises(DownloadError) as caught:
        download.read_url(f"http://me:secret@127.0.0.1:{closed_server.port}/a.jpg")
    assert "secret" not in str(caught.value)
    assert f"http://127.0.0.1:{closed_server.port}/a.jpg" in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 70 + ".com", "exa mple", "a..b", "*", "h:99999"])
def test_impossible_hosts(host: str) -> None:
    with pytest.raises(DownloadError, match="cannot be fetched"):
        download.read_url(f"http://{host}/a.jpg")


@pytest.mark.parametrize(
    "url", ["", "a.jpg", "http://", "https:///a.jpg", "http://[::1", "ftp://host/a.jpg", 5, b"http"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InputError, match=r"https://example\.org/a\.jpg"):
        download.read_url(url)


@pytest.mark.parametrize("setting", ["1", "true", "YES", " on "])
def test_offline_asks_no_server(server, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("EASYSEG_OFFLINE", setting)
    assert download.is_offline()
    with pytest.raises(DownloadError, match="EASYSEG_OFFLINE is set"):
        download.read_url(server.serve("/a.jpg", BODY))
    assert server.requests == []


def test_requests_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, easyseg.download; sys.exit('requests' in sys.modules)"
    root = Path(download.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def raw(server, path: str, head: bytes, body: bytes = b"hello") -> str:
    """Answers with just these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head + b"\r\nConnection: close\r\n\r\n" + body)
        handler.close_connection = True

    server.answers[path] = answer
    return server.url(path)


@pytest.mark.parametrize(
    "place",
    [
        b"http://[", b"http://[::1", b"http://h:99999/", b"http://h:abc/", b"http://1.2:0x1/",
        b"http://\xe2\x84\x80/", b"http://\x01/", b"//", b"file:///etc/passwd", b"http://..../",
    ],
)  # fmt: skip
def test_a_redirect_to_what_is_no_address(server, place: bytes) -> None:
    url = raw(server, "/a", b"HTTP/1.1 302 Found\r\nLocation: " + place)
    with pytest.raises(DownloadError, match="/a "):
        download.read_url(url)


def test_an_announced_size_of_thousands_of_digits(server) -> None:
    url = raw(server, "/a", b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5001)
    with pytest.raises(DownloadError, match="too large"):
        download.read_url(url)
    assert download.read_url(raw(server, "/b", b"HTTP/1.1 200 OK\r\nContent-Length: 0005")) == (
        b"hello"
    )


@pytest.mark.parametrize("text", ["Mon, 01 Jan 999999999999 00:00:00 GMT", "9" * 5001, "soon"])
def test_a_time_to_wait_that_no_calendar_has(server, text: str) -> None:
    url = raw(server, "/a", b"HTTP/1.1 503 Busy\r\nRetry-After: " + text.encode())
    with pytest.raises(DownloadError, match="503"):
        download.read_url(url)


def drip(server, path: str, head: bytes) -> str:
    """Sends the head, and then a byte every 20 ms, for ever."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(head)
            while not server.release.wait(0.02):
                handler.wfile.write(b"x")
                handler.wfile.flush()

    server.answers[path] = answer
    return server.url(path)


@pytest.mark.parametrize(
    "head",
    [
        b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /a\r\nX: ",
    ],
)  # fmt: skip
def test_a_byte_at_a_time_comes_to_an_end(server, head: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(DownloadError, match="too slow"):
        download.read_url(drip(server, "/a", head), timeout=(0.2, 0.3))
    assert time.monotonic() - began < 5


def test_there_is_a_deadline_over_all(server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not server.release.wait(0.1):  # each piece is in time
                handler.wfile.write(bytes(100_000))

    server.answers["/a"] = answer
    began = time.monotonic()
    with pytest.raises(DownloadError, match="too slow"):
        download.read_url(server.url("/a"), deadline=1.0)
    assert time.monotonic() - began < 5
