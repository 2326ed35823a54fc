"""A storm of deliveries beside streams: none of them ends for it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from botbottle.model.route import Auth, Route
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import EXAMPLE, until

DELIVERIES = 25
OTHER = Route("other.example.com", auth=Auth("Bearer", "NEW"))
TEXT = b"ordinary words of a text that nobody minds, " * 700
LAST = b"the very last words"


def route(port: int) -> Route:
    return Route(EXAMPLE, port, allow_private=True, stream_uploads=True)


@contextlib.contextmanager
def storm(inside: Inside, kept: Route) -> Iterator[threading.Event]:
    """Deliver one secret after the other, as fast as they are taken; tells when it is over."""
    over = threading.Event()

    def deliver() -> None:
        for number in range(DELIVERIES):
            inside.deliver(kept, OTHER, secrets={"NEW": f"kX9vQ2mZ7pL4tR8wB3nY{number:06}"})
        over.set()

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield over
    finally:
        thread.join()


def framed(kind: str, text: bytes) -> bytes:
    """As a chunk, of gRPC with a message in it."""
    data = b"\0" + len(text).to_bytes(4) + text if "grpc" in kind else text
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("kind", ["text/plain", "application/grpc"])
def test_an_upload_in_passing_goes_on(inside: Inside, kind: str) -> None:
    with RawUpstream(inside.world.authority, EXAMPLE, lambda stream, head: None) as far:
        inside.deliver(route(far.port))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            head = f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n"
            tls.sendall(f"{head}Content-Type: {kind}\r\n\r\n".encode())
            far.got(b"\r\n\r\n")
            with storm(inside, route(far.port)) as over:
                while not over.is_set():
                    tls.sendall(framed(kind, TEXT))
            tls.sendall(framed(kind, LAST) + b"0\r\n\r\n")
            far.got(LAST)
    assert '"kind":"error"' not in inside.output.getvalue()


def test_a_response_goes_on(inside: Inside) -> None:
    over = threading.Event()

    def talk(stream: socket.socket, _: bytes) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not over.wait(0.001):
            stream.sendall(framed("", b"data: tick\n\n"))
        stream.sendall(framed("", LAST) + b"0\r\n\r\n")

    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        inside.deliver(route(far.port))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(f"GET /x HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
            got = some(tls)
            with storm(inside, route(far.port)) as done:
                while not done.is_set():
                    got += some(tls)
            over.set()
            while LAST not in got:
                got += some(tls)
    assert got.startswith(b"HTTP/1.1 200")


def test_a_delivery_without_its_route_ends_the_upload(inside: Inside) -> None:
    """The control: what a delivery ends, ends."""
    with RawUpstream(inside.world.authority, EXAMPLE, lambda stream, head: None) as far:
        inside.deliver(route(far.port))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            head = f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n\r\n"
            tls.sendall(head.encode())
            far.got(b"\r\n\r\n")
            inside.deliver(OTHER, secrets={"NEW": "kX9vQ2mZ7pL4tR8wB3nY0"})
            until(lambda: not inside.sidecar.live, "the upload to end")
    assert LAST not in far.received
