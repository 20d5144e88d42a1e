"""A camera on the network for tests: MJPEG over HTTP that can stall, die and come back."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from easyseg.pictures import image as media


class MjpegServer:
    """Serves pictures, number n of them of grey value 8 n (mod 240) unless others are given.

    Attributes:
        stalled: While it is set, nothing is sent, but connections stay open.
        connections: How many there have been.
    """

    def __init__(self, *, rate=25.0, size=(48, 64), pictures=None):
        self.rate = rate
        pictures = pictures or [np.full((*size, 3), 8 * n, np.uint8) for n in range(30)]
        self._jpegs = [media.encode(picture, ".jpg", quality=95) for picture in pictures]
        self.stalled, self._dead = threading.Event(), threading.Event()
        self.connections = 0
        self._server = None
        self.port = 0
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/video.mjpg"

    def start(self):
        """Begins, or comes back at the same address."""
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mine.connections += 1
                mine._serve(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._dead = threading.Event()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self):
        """Closes all connections and refuses new ones."""
        self._dead.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler):
        dead = self._dead
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        began, number = time.monotonic(), 0
        try:
            while not dead.wait(max(0, began + number / self.rate - time.monotonic())):
                if not self.stalled.is_set():
                    jpeg = self._jpegs[number % len(self._jpegs)]
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    handler.wfile.write(b"--frame\r\n" + head.encode() + jpeg + b"\r\n")
                number += 1
        except OSError:
            pass  # the client has left
        handler.close_connection = True


@contextmanager
def mjpeg_server(**options) -> Iterator[MjpegServer]:
    server = MjpegServer(**options)
    try:
        yield server
    finally:
        server.die()
