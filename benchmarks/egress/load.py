"""The client of the benchmark: CONNECT, TLS, then requests over kept connections.

``python -m benchmarks.egress.load PROXY-PORT PORT CA PLAN-JSON`` prints the figures as JSON.
Latencies are milliseconds, rates per second of wall time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import sys
import time
from typing import Any

HOST = "localhost"
_ASK = b'{"model":"claude-bench","stream":true,"max_tokens":64,"messages":[]}'


class Channel:
    """One TLS connection through the proxy (``proxy`` 0: straight to the upstream)."""

    def __init__(self, proxy: int, port: int, context: ssl.SSLContext) -> None:
        self._proxy, self._port, self._context = proxy, port, context

    async def open(self) -> None:
        """Connect, tunnel, shake hands."""
        target = self._proxy or self._port
        if not self._proxy:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", target, ssl=self._context, server_hostname=HOST, limit=2**20
            )
            return
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", target, limit=2**20)
        name = f"{HOST}:{self._port}"
        self.writer.write(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        reply = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in reply.split(b"\r\n")[0]:
            raise RuntimeError(reply.decode())
        await self.writer.start_tls(self._context, server_hostname=HOST)

    def send(self, path: str, body: bytes = b"") -> None:
        """Write a request."""
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {HOST}:{self._port}\r\n"
        head += "Accept: */*\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"
        if body:
            head += f"Content-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)

    async def receive(self) -> int:
        """Read a response with a known length; returns the length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError((head + await self.reader.read(500)).decode())
        left = size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while left:
            left -= len(await self.reader.read(min(left, 2**18)))
        return size

    async def events(self) -> list[float]:
        """Delays of the events of a stream, in milliseconds."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError((head + await self.reader.read(500)).decode())
        delays = []
        while (size := int(await self.reader.readline(), 16)) > 0:
            data = (await self.reader.readexactly(size + 2))[:-2]
            now = time.monotonic_ns()
            for event in data.split(b"\n\n"):
                if b'"at"' in event:
                    document = json.loads(event.partition(b"data: ")[2])
                    delays.append((now - document["at"]) / 1e6)
        await self.reader.readline()
        return delays

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


def summary(delays: list[float], seconds: float) -> dict[str, float]:
    """p50, p99 and rate."""
    ordered = sorted(delays)
    return {
        "p50_ms": round(statistics.median(ordered), 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        "per_second": round(len(ordered) / seconds, 1),
        "count": len(ordered),
    }


async def keep_alive(channels: list[Channel], plan: dict[str, Any]) -> dict[str, float]:
    """Requests in a row on every channel."""
    body = b'{"text":"' + b"hello world " * (plan.get("body", 0) // 12) + b'"}'
    body = body if plan.get("body") else b""

    async def one(channel: Channel) -> list[float]:
        delays = []
        for _ in range(plan["requests"] // len(channels)):
            started = time.perf_counter()
            channel.send(plan["path"], body)
            await channel.receive()
            delays.append((time.perf_counter() - started) * 1000)
        return delays

    started = time.perf_counter()
    found = await asyncio.gather(*(one(c) for c in channels))
    seconds = time.perf_counter() - started
    figures = summary([d for delays in found for d in delays], seconds)
    if plan["path"] == "/10m":
        figures["mb_per_second"] = round(figures["per_second"] * 10 * 1.048576, 1)
    return figures


async def streams(channels: list[Channel], plan: dict[str, Any]) -> dict[str, float]:
    """One event stream on every channel."""
    for channel in channels:
        channel.send(f"/v1/messages?sse/{plan['events']}/{plan['gap']}", _ASK)
    started = time.perf_counter()
    found = await asyncio.gather(*(c.events() for c in channels))
    return summary([d for delays in found for d in delays], time.perf_counter() - started)


async def beside(channels: list[Channel], plan: dict[str, Any]) -> dict[str, float]:
    """One event stream, and large requests on all other channels until it ends."""
    text = json.dumps({"text": "hello world, this is a line of prose. " * (plan["body"] // 38)})
    ended, posts = asyncio.Event(), 0

    async def post(channel: Channel) -> None:
        nonlocal posts
        while not ended.is_set():
            channel.send(plan["path"], text.encode())
            await channel.receive()
            posts += 1

    posting = [asyncio.create_task(post(c)) for c in channels[1:]]
    figures = await streams(channels[:1], plan)
    ended.set()
    await asyncio.gather(*posting)
    return {**figures, "posts": posts}


KINDS = {"get": keep_alive, "sse": streams, "beside": beside}


async def main(proxy: int, port: int, ca: str, plan: dict[str, Any]) -> dict[str, float]:
    """Run one plan."""
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # squid's certificates lack a key identifier
    channels = [Channel(proxy, port, context) for _ in range(plan["connections"])]
    if plan["kind"] == "connect":
        delays = []
        started = time.perf_counter()
        for _ in range(plan["requests"]):
            begun = time.perf_counter()
            channel = Channel(proxy, port, context)
            await channel.open()
            channel.send("/1k")
            await channel.receive()
            channel.close()
            delays.append((time.perf_counter() - begun) * 1000)
        return summary(delays, time.perf_counter() - started)
    for channel in channels:
        await channel.open()
        channel.send("/1k")
        await channel.receive()
    return await KINDS[plan["kind"]](channels, plan)


if __name__ == "__main__":
    import uvloop

    given = sys.argv[1:]
    print(
        json.dumps(uvloop.run(main(int(given[0]), int(given[1]), given[2], json.loads(given[3]))))
    )
