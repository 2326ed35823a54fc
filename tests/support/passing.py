"""One connection between a client and an engine, with a proxy that may disturb it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from tests.support.faults import Fault, Request, parse

PATIENCE = 30.0  # seconds for the engine to end what a client that is gone has asked for


class Session:
    """One client connection: request heads are looked at, everything else is copied."""

    def __init__(
        self,
        arrived: Callable[[Request], Fault | None],
        client: socket.socket,
        engine: socket.socket,
    ) -> None:
        self._arrived, self.client, self.engine = arrived, client, engine
        self.after: Fault | None = None  # comes when the engine answers

    def run(self) -> None:
        answers = threading.Thread(target=self._answers, daemon=True)
        answers.start()
        try:
            self._requests(answers)
        finally:
            # Half closed, the engine ends what it was asked for, and then the connection.
            with contextlib.suppress(OSError):
                self.engine.shutdown(socket.SHUT_WR)
            answers.join(PATIENCE)

    def _requests(self, answers: threading.Thread) -> None:
        buffer = b""
        while data := self.client.recv(65536):
            buffer += data
            while (end := buffer.find(b"\r\n\r\n")) >= 0:
                head, rest = buffer[: end + 4], buffer[end + 4 :]
                request, size = parse(head)
                fault = self._arrived(request)
                if fault and not self._disturb(fault, request):
                    return
                self.engine.sendall(head)
                if b"upgrade: tcp" in head.lower():
                    self.engine.sendall(rest)
                    self._copy_rest()
                    answers.join()
                    return
                buffer = self._body(rest, size)

    def _copy_rest(self) -> None:
        """Hijacked: raw bytes until the client is done, then half-closed like the client's."""
        while data := self.client.recv(65536):
            self.engine.sendall(data)
        self.engine.shutdown(socket.SHUT_WR)

    def _body(self, rest: bytes, size: int) -> bytes:
        """Forward a request's body; what follows it. -1: chunked."""
        if size < 0:
            while b"0\r\n\r\n" not in rest[-5:]:
                self.engine.sendall(rest)
                rest = self.client.recv(65536)
                if not rest:
                    return b""
            self.engine.sendall(rest)
            return b""
        while len(rest) < size:
            self.engine.sendall(rest)
            size -= len(rest)
            rest = self.client.recv(65536)
            if not rest:
                return b""
        self.engine.sendall(rest[:size])
        return rest[size:]

    def _disturb(self, fault: Fault, request: Request) -> bool:
        """Whether to forward the request."""
        if fault.delay:
            time.sleep(fault.delay)
        if fault.gate:
            fault.gate.wait(120)
        if fault.status:
            text = b'{"message":"refused by the test"}'
            self.client.sendall(
                f"HTTP/1.1 {fault.status} Test\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
                + text
            )
            return False
        if fault.cut and fault.when == "before":
            if fault.act:
                fault.act()
            return False
        if fault.cut:
            self.after = fault
        return True

    def _answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.engine.recv(65536):
                if self.after is not None:
                    if self.after.act:
                        self.after.act()
                    break
                with contextlib.suppress(OSError):  # a client that is gone; the engine is not done
                    self.client.sendall(data)
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)
