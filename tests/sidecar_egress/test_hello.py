"""A TLS handshake of the agent's is as large as one is; the layers read its beginning again and
again until it is whole."""

from __future__ import annotations

import hashlib
import socket
import ssl
from contextlib import suppress

import pytest

from botbottle.sidecar.egress.link import HANDSHAKE
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import read
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, until

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
HELLO = b"\x01\xff\xff\xff"  # the head of a ClientHello of 16 MiB


def records(data: bytes, size: int) -> bytes:
    """A handshake message in TLS records of ``size`` bytes."""
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)


def connecting(inside: Inside) -> tuple[socket.socket, bytes]:
    """A connection to the proxy, and the request for a tunnel."""
    raw = socket.create_connection(("127.0.0.1", inside.app.ports["proxy"]), 30)
    name = f"{EXAMPLE}:{inside.world.tls_port}"
    return raw, f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()


@pytest.mark.parametrize("step", [1000, 1 << 20])
@pytest.mark.parametrize("ahead", [False, True], ids=["in turn", "ahead of its turn"])
def test_a_hello_that_does_not_end_ends_the_connection(
    inside: Inside, step: int, ahead: bool
) -> None:
    raw, connect = connecting(inside)
    with raw:
        raw.sendall(connect)
        if not ahead:
            assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        flood = records(HELLO + b"a" * (4 * HANDSHAKE), 1)
        with suppress(ConnectionError):
            for at in range(0, len(flood), step):
                raw.sendall(flood[at : at + step])
        until(lambda: not inside.sidecar.drivers, "the connection to end")


@pytest.mark.parametrize("ahead", [False, True], ids=["in turn", "ahead of its turn"])
def test_one_in_many_records_that_ends_is_taken_and_what_follows_it_has_any_size(
    inside: Inside, ahead: bool
) -> None:
    """The control. What follows is sent with the end of the handshake, in one breath."""
    inside.world.reset()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(inside.folder / "public" / "ca.pem"))
    tls = context.wrap_bio(incoming, outgoing, server_hostname=EXAMPLE)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = records(outgoing.read()[5:], 10)
    raw, connect = connecting(inside)
    body = b"0123456789abcdef" * 60_000
    with raw:
        raw.sendall(connect + (hello if ahead else b""))
        assert raw.recv(len(OPEN)) == OPEN
        if not ahead:
            raw.sendall(hello)
        finish(tls, raw, incoming)
        head = f"POST /big HTTP/1.1\r\nHost: {EXAMPLE}:{inside.world.tls_port}\r\n"
        tls.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        raw.sendall(outgoing.read())
        read(raw)
    (request,) = inside.world.requests()
    assert request["body_sha256"] == hashlib.sha256(body).hexdigest()


def finish(tls: ssl.SSLObject, raw: socket.socket, incoming: ssl.MemoryBIO) -> None:
    """Shake hands to the end; what that says last is not sent yet."""
    while True:
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            return
        incoming.write(some(raw))
