"""A camera on the network for tests: RTSP over TCP, with MPEG-TS in RTP."""

import socketserver
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO

import av
import numpy as np

_PACKETS = 7
"""Packets of MPEG-TS in one of RTP."""


def transport_stream(pictures: Sequence[np.ndarray], rate: int) -> bytes:
    """Codes pictures, RGB uint8 (H, W, 3), as H.264 in MPEG-TS."""
    file = BytesIO()
    with av.open(file, "w", format="mpegts") as output:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(rate // 2)}
        stream = output.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline().decode():
            method, address = line.split()[:2]
            fields = {}
            while (field := self.rfile.readline().decode().strip()) != "":
                name, _, value = field.partition(":")
                fields[name.lower()] = value.strip()
            self._answer(method, address, fields["cseq"])
            if method == "PLAY":
                self._play()
                return

    def _answer(self, method: str, address: str, number: str) -> None:
        head, body = {
            "OPTIONS": ("Public: OPTIONS, DESCRIBE, SETUP, PLAY", ""),
            "DESCRIBE": (
                f"Content-Type: application/sdp\r\nContent-Base: {address}/",
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 33\r\na=control:track\r\n",
            ),
            "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1", ""),
        }.get(method, ("Session: 1", ""))
        text = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{head}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write((text + body).encode())

    def _play(self) -> None:
        data, seconds = self.server.data, self.server.seconds
        size = 188 * _PACKETS
        count = -(-len(data) // size)
        began = time.monotonic()
        for number in range(count):
            moment = number * seconds / count
            time.sleep(max(0.0, began + moment - time.monotonic()))
            payload = data[number * size : (number + 1) * size]
            head = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, int(moment * 90000), 7)
            try:
                self.wfile.write(struct.pack(">cBH", b"$", 0, len(head) + len(payload)))
                self.wfile.write(head + payload)
            except OSError:
                return  # the client has left


@contextmanager
def rtsp_server(pictures: Sequence[np.ndarray], rate: int) -> Iterator[str]:
    """Plays pictures once to whoever comes; gives the address."""

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), _Handler) as server:
        server.data, server.seconds = transport_stream(pictures, rate), len(pictures) / rate
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/live"
        finally:
            server.shutdown()
