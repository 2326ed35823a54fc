"""An upstream that answers as fast as its caller reads, and the arithmetic of memory samples."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import wsproto
from wsproto.events import TextMessage

from tests.world.ca import Authority

HOST = "api.example.com"
BLOCK = bytes(64 * 1024)
REPLIES = 9  # messages sent back for each one that came
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Upstream:
    """``/N`` answers with N bytes; an upgrade opens a WebSocket that says everything nine times."""

    def __init__(self, authority: Authority) -> None:
        self._context = authority.context(HOST)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.sent = 0  # body bytes handed to the system so far

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                raw, _ = self._listener.accept()
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(raw, server_side=True) as tls:
            stream = tls.makefile("rb")
            while line := stream.readline():
                headers: dict[bytes, bytes] = {}
                while (field := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = field.partition(b":")
                    headers[name.lower()] = value.strip()
                if b"upgrade" in headers:
                    self._talk(tls, headers[b"sec-websocket-key"])
                    return
                stream.read(int(headers.get(b"content-length", b"0")))
                self._answer(tls, int(line.split(b" ")[1].lstrip(b"/")))

    def _answer(self, tls: ssl.SSLSocket, size: int) -> None:
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while size:
            block = BLOCK[: min(size, len(BLOCK))]
            tls.sendall(block)
            self.sent += len(block)
            size -= len(block)

    def _talk(self, tls: ssl.SSLSocket, key: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        head += b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept
        tls.sendall(head)
        frames = wsproto.Connection(wsproto.ConnectionType.SERVER)
        while data := tls.recv(65536):
            frames.receive_data(data)
            for event in frames.events():
                if isinstance(event, TextMessage):
                    answer = frames.send(TextMessage(event.data))
                    tls.sendall(answer * REPLIES)


def slope(samples: Sequence[float]) -> float:
    """Growth per sample by least squares, in the unit of the samples."""
    middle = (len(samples) - 1) / 2
    mean = sum(samples) / len(samples)
    spread = sum((at - middle) ** 2 for at in range(len(samples)))
    return sum((at - middle) * (x - mean) for at, x in enumerate(samples)) / spread
