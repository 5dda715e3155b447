"""A camera that speaks RTSP (RFC 2326) and sends JPEG pictures in RTP packets (RFC 2435) on the same connection."""

from __future__ import annotations

import socketserver
import struct
import threading
import time

import cv2
import numpy as np

WIDTH, HEIGHT = 64, 48
PAYLOAD = 1200  # bytes of a packet
CLOCK = 90_000  # ticks a second
SDP = "\r\n".join(
    ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "t=0 0", "m=video 0 RTP/AVP 26", "a=control:track", "a=framerate:{rate}")
)
HEADERS = {
    "OPTIONS": "Public: DESCRIBE, SETUP, PLAY, TEARDOWN",
    "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1",
    "PLAY": "Session: 1\r\nRange: npt=0.000-",
}


def segments(jpeg: bytes) -> tuple[bytes, bytes]:
    """Return the quantization tables of a JPEG file, and what its scan holds."""
    tables, at = b"", 2
    while True:
        marker, size = struct.unpack(">HH", jpeg[at : at + 4])
        body = jpeg[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xFFDB:
            tables += b"".join(body[i + 1 : i + 65] for i in range(0, len(body), 65))
        if marker == 0xFFDA:
            return tables, jpeg[at:-2]


def packets(jpeg: bytes, number: int, ticks: int) -> list[bytes]:
    """Return the RTP packets of one picture (4:2:0, standard Huffman tables), the first of them with `number`."""
    tables, scan = segments(jpeg)
    out, at = [], 0
    while at < len(scan):
        part = scan[at : at + PAYLOAD]
        head = struct.pack(">I4B", at, 1, 255, WIDTH // 8, HEIGHT // 8)
        head += struct.pack(">HH", 0, len(tables)) + tables if at == 0 else b""
        last = at + len(part) == len(scan)
        rtp = struct.pack(">BBHII", 0x80, 26 | last << 7, (number + len(out)) & 0xFFFF, ticks & 0xFFFFFFFF, 1)
        out.append(rtp + head + part)
        at += len(part)
    return out


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer requests until pictures are asked for, then send those."""
        while True:
            lines = []
            while line := self.rfile.readline().strip().decode():
                lines.append(line)
            if not lines:
                return
            method = lines[0].split()[0]
            number = next(line for line in lines if line.lower().startswith("cseq"))
            body = f"{SDP.format(rate=self.server.rate)}\r\n" if method == "DESCRIBE" else ""
            head = [f"Content-Type: application/sdp\r\nContent-Length: {len(body)}"] if body else []
            head += [HEADERS[method]] if method in HEADERS else []
            self.wfile.write("\r\n".join(["RTSP/1.0 200 OK", number, *head, "", body]).encode())
            if method == "PLAY":
                self.play()
                return

    def play(self) -> None:
        """Send pictures, each 2 levels brighter than the one before."""
        number = 0
        for i in range(self.server.limit):
            jpeg = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 2 * i % 250, np.uint8))[1].tobytes()
            for packet in packets(jpeg, number, i * CLOCK // self.server.rate):
                self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                number += 1
            time.sleep(1 / self.server.rate)


class RtspCamera(socketserver.ThreadingTCPServer):
    """Listens at a free port until it is shut down.

    Args:
        rate: pictures a second.
        limit: pictures of a connection, after which it is closed.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self, rate: int = 50, limit: int = 1000) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.rate, self.limit = rate, limit
        self.address = f"rtsp://127.0.0.1:{self.server_address[1]}/live"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up."""
