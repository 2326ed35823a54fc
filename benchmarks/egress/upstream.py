"""The upstream of the benchmark: a bare TLS server that is never the bottleneck.

``python -m benchmarks.egress.upstream CERT KEY`` prints its port. ``/1k`` and ``/10m`` answer
with bodies of that size; a path that ends in ``?sse/COUNT/MICROSECONDS`` with that many events
at that interval, in the shape of a model's answer (``/v1/messages``), each text event carrying
the monotonic time at which it was sent.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

SMALL, LARGE = 1024, 10 * 1024 * 1024


def _fixed(size: int, kind: str = "application/octet-stream") -> bytes:
    body = b"x" * size
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


_PAGES = {b"/1k": _fixed(SMALL), b"/10m": _fixed(LARGE)}

_START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-bench",
          "usage": {"input_tokens": 10, "output_tokens": 1}}}  # fmt: skip
_DELTA = {"type": "content_block_delta", "index": 0,
          "delta": {"type": "text_delta", "text": "a dozen words of ordinary text, "}}  # fmt: skip
_USAGE = {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
          "usage": {"output_tokens": 9}}  # fmt: skip


class Upstream(asyncio.Protocol):
    """Keep-alive HTTP/1.1, just enough of it."""

    def __init__(self) -> None:
        self._buffer = b""
        self._owed, self._path = 0, b""  # bytes of a body that are to come, and what it is for
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._owed:
            came = min(self._owed, len(data))
            self._owed, data = self._owed - came, data[came:]
            if self._owed:
                return
            self._answer(self._path)
        self._buffer += data
        while not self._owed and b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            size = 0
            for line in head.split(b"\r\n")[1:]:
                if line.lower().startswith(b"content-length:"):
                    size = int(line.partition(b":")[2])
            self._path, self._owed = head.split(b" ", 2)[1], max(0, size - len(rest))
            self._buffer = rest[size:]
            if not self._owed:
                self._answer(self._path)

    def _answer(self, path: bytes) -> None:
        if b"?sse/" in path:
            _, count, gap = path.partition(b"?")[2].split(b"/")
            asyncio.get_running_loop().create_task(self._events(int(count), int(gap) / 1e6))
        else:
            self._transport.write(_PAGES.get(path, _PAGES[b"/1k"]))

    async def _events(self, count: int, gap: float) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        self._event(_START)
        for _ in range(count):
            self._event({**_DELTA, "at": time.monotonic_ns()})
            await asyncio.sleep(gap)
        self._event(_USAGE)
        self._event({"type": "message_stop"})
        self._transport.write(b"0\r\n\r\n")

    def _event(self, document: dict[str, Any]) -> None:
        data = b"event: %s\ndata: %s\n\n" % (
            document["type"].encode(),
            json.dumps(document).encode(),
        )
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))


async def main(certificate: str, key: str) -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0, ssl=context, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1], sys.argv[2]))
