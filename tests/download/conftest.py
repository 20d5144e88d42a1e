"""A real server on the loopback, and a cache of its own for each test."""

import hashlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from easyseg import download
from easyseg.download import Patience, RemoteFile

VARIABLES = ("EASYSEG_OFFLINE", "EASYSEG_HOME", "EASYSEG_MIRROR", "XDG_CACHE_HOME", "LOCALAPPDATA")


class Server:
    """A server; `answers` holds a function for each path, `requests` what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.release = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append((self.path, dict(self.headers)))
                server.answers[self.path](self)

            def end_headers(self) -> None:
                self.send_header("Connection", "close")
                super().end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keeps the test's output clean."""

        class QuietServer(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Keeps it clean where a client has left, too."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ranges(self) -> list[str | None]:
        """The Range header of each request."""
        return [headers.get("Range") for _, headers in self.requests]

    def serve(
        self, path: str, body: bytes, *, status: int = 200, send: int | None = None, **headers: str
    ) -> str:
        """Answers with `body`, of which only `send` bytes are sent; headers as `Content_Type`."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body[:send])

        self.answers[path] = answer
        return self.url(path)

    def publish(
        self,
        path: str,
        body: bytes,
        *,
        etag: str = '"first"',
        cuts: tuple[int, ...] = (),
        abruptly: bool = False,
        has_ranges: bool = True,
        checks_etag: bool = True,
        **headers: str,
    ) -> str:
        """Answers as a file server does, whose first answers break off after `cuts` bytes."""
        left = list(cuts)

        def answer(handler: BaseHTTPRequestHandler) -> None:
            start, asked = 0, re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
            if asked and has_ranges:
                is_same = handler.headers.get("If-Range", etag) == etag or not checks_etag
                start = int(asked[1]) if is_same else 0
            if start >= len(body) > 0:
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(body)}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206 if start else 200)
            if start:
                handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            handler.send_header("Content-Length", str(len(body) - start))
            if etag:
                handler.send_header("ETag", etag)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            end = start + left.pop(0) if left else None
            handler.wfile.write(body[start:end])
            if end is not None and abruptly:
                linger = struct.pack("ii", 1, 0)  # a reset instead of a farewell
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        self.answers[path] = answer
        return self.url(path)

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def other_server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def closed_server() -> Server:
    """A server that is there no more: nothing listens at its port."""
    closed = Server()
    closed.close()
    return closed


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder for weights, which does not exist yet."""
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
    return download.weights_folder()


class Waits(list[float]):
    """The waits that a download asked for, none of which was waited."""

    @property
    def patience(self) -> Patience:
        return Patience(timeout=(5.0, 20.0), sleep=self.append)

    @property
    def hasty_patience(self) -> Patience:
        return Patience(timeout=(5.0, 0.3), sleep=self.append)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def known():
    """Makes the record of a file from its content."""

    def make(
        content: bytes,
        *urls: str,
        digits: int = 64,
        has_size: bool = True,
        name: str = "net.voc.pth",
    ) -> RemoteFile:
        sha256 = hashlib.sha256(content).hexdigest()[:digits]
        return RemoteFile(name, urls, sha256, len(content) if has_size else 0)

    return make
