"""A live picture on a page in the browser, for machines without a screen.

Served on 127.0.0.1 only, at an address with a secret word in it, so that neither other users of
the machine nor other pages in the browser see the camera.
"""

import contextlib
import html
import logging
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from easyseg._types import Image
from easyseg.pictures.image import encode, resize

logger = logging.getLogger(__name__)

PORT = 8765
"""Asked for first, so that it can be forwarded; when it is taken, any other."""

WIDEST = 1280
"""Pixels; wider pictures are made smaller for the page."""

_QUALITY = 80
_PATIENCE = 0.5
_SILENCE = 10.0
_BOUNDARY = b"--frame\r\n"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ margin: 0; background: #111318; color: #e8eaf0; font: 15px system-ui, sans-serif;
  display: flex; flex-direction: column; align-items: center; gap: 12px; min-height: 100vh }}
img {{ max-width: 100vw; max-height: calc(100vh - 72px); min-height: 120px }}
p {{ margin: 0 }}
nav {{ display: flex; flex-wrap: wrap; gap: 6px; justify-content: center; padding-bottom: 10px }}
button {{ font: inherit; color: inherit; background: #272b35; border: 0; border-radius: 6px;
  padding: 6px 10px; cursor: pointer }}
button:hover {{ background: #3a4050 }}
kbd {{ color: #9fb4ff; font: inherit; font-weight: 600; margin-right: 5px }}
</style></head><body>
<img id="live" src="still" alt="the live picture"><p id="said"></p>
<nav>{buttons}</nav>
<script>
const live = document.getElementById("live"), said = document.getElementById("said");
const keys = {keys};
const press = key => fetch("key", {{method: "POST", body: key}}).catch(() => 0);
addEventListener("load", () => {{
  live.onerror = () => said.textContent = "The camera has ended.";
  live.src = "stream";
}});
for (const button of document.querySelectorAll("button"))
  button.onclick = () => {{ press(button.dataset.key); button.blur() }};
addEventListener("keydown", event => {{
  const key = {{"=": "+", "_": "-", "Escape": "q"}}[event.key] ?? event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey || event.altKey || !keys.includes(key)) return;
  event.preventDefault(); press(key);
}});
</script></body></html>
"""


class PageDisplay:
    """A page that shows the newest picture; a slow browser misses some, it never lags.

    Args:
        title: Of the page.
        keys: The keys that are of use, and what they do; each has a button.

    Attributes:
        address: Of the page.

    Raises:
        OSError: If no port can be had.
    """

    closed = False

    def __init__(self, title: str, keys: Mapping[str, str]) -> None:
        self._newest = _Newest()
        self._known = frozenset(keys)
        self._pressed: list[str] = []
        secret = secrets.token_urlsafe(12)
        try:
            self._server = _Server(PORT, self, secret, _page(title, keys))
        except OSError:
            self._server = _Server(0, self, secret, _page(title, keys))
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/{secret}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="easyseg-page", daemon=True
        )
        self._thread.start()

    def show(self, image: Image) -> None:
        """Shows a picture, RGB uint8 (H, W, 3); it is coded only if somebody looks."""
        self._newest.put(image)

    def pressed(self) -> list[str]:
        """Gives the keys pressed since the last call."""
        keys, self._pressed = self._pressed, []
        return keys

    def press(self, key: str) -> bool:
        """Takes a key from the page; False when there is no such key."""
        if key in self._known:
            self._pressed.append(key)
        return key in self._known

    def close(self) -> None:
        """Ends the page."""
        self._newest.end()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Newest:
    """The newest picture, coded once for all who look."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._coding = threading.Lock()
        self._image: Image | None = None
        self._number = 0
        self._coded: tuple[int, bytes] = (0, b"")
        self.ended = False

    def put(self, image: Image) -> None:
        with self._changed:
            self._image, self._number = image, self._number + 1
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def after(self, number: int) -> tuple[int, bytes]:
        """Waits a moment for a picture later than this one; the same number when none came."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self._number > number, _PATIENCE)
            image, newest = self._image, self._number
        if image is None or newest == number:
            return number, b""
        with self._coding:
            if self._coded[0] < newest:
                self._coded = (newest, _jpeg(image))
            return self._coded


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, display: PageDisplay, secret: str, page: bytes) -> None:
        self.display, self.secret, self.page = display, secret, page
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("a browser's request failed", exc_info=sys.exc_info())


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SILENCE

    def do_GET(self) -> None:
        if self.path == f"/{self.server.secret}/":
            self._answer(HTTPStatus.OK, self.server.page)
        elif self.path == f"/{self.server.secret}/still":
            self._still()
        elif self.path == f"/{self.server.secret}/stream":
            with contextlib.suppress(OSError):  # the browser has left
                self._stream()
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        short = length.isdecimal() and int(length) <= 8
        if self.path != f"/{self.server.secret}/key" or not short:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        key = self.rfile.read(int(length)).decode("ascii", "replace")
        known = self.server.display.press(key)
        self._answer(HTTPStatus.NO_CONTENT if known else HTTPStatus.BAD_REQUEST)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _answer(
        self, status: HTTPStatus, body: bytes = b"", kind: str = "text/html; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def _still(self) -> None:
        """Gives one picture, so that a page that has just loaded is not empty."""
        newest = self.server.display._newest
        until = time.monotonic() + _SILENCE
        while not newest.ended and time.monotonic() < until:
            number, jpeg = newest.after(0)
            if number:
                self._answer(HTTPStatus.OK, jpeg, "image/jpeg")
                return
        self._answer(HTTPStatus.NOT_FOUND)

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(_BOUNDARY)
        newest, shown = self.server.display._newest, 0
        while not newest.ended:
            number, jpeg = newest.after(shown)
            if number != shown:
                shown = number
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                # The next boundary at once: browsers show a picture when they see it end.
                self.wfile.write(head.encode() + jpeg + b"\r\n" + _BOUNDARY)


def _jpeg(image: Image) -> bytes:
    height, width = image.shape[:2]
    if width > WIDEST:
        image = resize(image, (max(1, round(height * WIDEST / width)), WIDEST), "area")
    return encode(image, ".jpg", quality=_QUALITY)


def _page(title: str, keys: Mapping[str, str]) -> bytes:
    names = {" ": "space"}
    buttons = "".join(
        f'<button data-key="{html.escape(key)}"><kbd>{html.escape(names.get(key, key))}</kbd>'
        f"{html.escape(what)}</button>"
        for key, what in keys.items()
    )
    text = _PAGE.format(title=html.escape(title), buttons=buttons, keys=list(keys))
    return text.encode("utf-8", "backslashreplace")
