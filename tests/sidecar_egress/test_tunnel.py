"""An open CONNECT tunnel talks to its inner layers directly; nothing outside may be lost by it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.sidecar_egress.raw_client import code_of, exchange, get, read
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

PLAIN = "other.example.com"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def plain_upstream() -> Iterator[tuple[int, Callable[[], None]]]:
    """A server that answers one request, keeps the connection and ends it when told."""
    ending, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as stream:
            stream.recv(65536)
            stream.sendall(ANSWER)
            ending.wait(30)

    def hang_up() -> None:
        ending.set()
        thread.join(30)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], hang_up
    hang_up()


def shake(rig: Rig, raw: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    return context.wrap_socket(raw, server_hostname=EXAMPLE)


def ask(stream: socket.socket, request: bytes, end: bytes) -> bytes:
    """The answer up to ``end``, or to the end of the connection."""
    stream.settimeout(30)
    stream.sendall(request)
    reply = b""
    while end not in reply and (data := stream.recv(65536)):
        reply += data
    return reply


def keep(path: str) -> bytes:
    """A request that leaves the connection open; the scripted upstream answers it with JSON."""
    return f"GET {path} HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode()


def connecting(rig: Rig) -> bytes:
    name = f"{EXAMPLE}:{rig.world.tls_port}"
    return f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()


def test_a_tunnel_outlives_the_upstream_of_an_earlier_plain_request(rig: Rig) -> None:
    with plain_upstream() as (port, hang_up):
        rig.configure(rig.route(EXAMPLE), rig.route(PLAIN, port=port))
        with rig.raw() as raw:
            absolute = f"GET http://{PLAIN}:{port}/ HTTP/1.1\r\nHost: {PLAIN}:{port}\r\n\r\n"
            assert b"200 OK" in ask(raw, absolute.encode(), b"ok")
            assert b" 200 " in ask(raw, connecting(rig), b"\r\n\r\n")
            with shake(rig, raw) as tls:
                assert code_of(ask(tls, keep("/a"), b"}")) == ""
                hang_up()
                assert code_of(ask(tls, keep("/b"), b"}")) == ""
                assert code_of(ask(tls, get("/c"), b"}")) == ""
    assert [r["path"] for r in rig.world.requests()] == ["/a", "/b", "/c"]


def test_bytes_sent_together_with_connect_arrive_in_the_tunnel(rig: Rig) -> None:
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=EXAMPLE)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with rig.raw() as raw:
        raw.settimeout(10)
        reply = ask(raw, connecting(rig) + outgoing.read(), b"\r\n\r\n")
        head, _, rest = reply.partition(b"\r\n\r\n")
        assert b" 200 " in head
        incoming.write(rest or raw.recv(65536))
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(some(raw))
        tls.write(get("/early"))
        raw.sendall(outgoing.read())
        until(lambda: bool(rig.world.requests()), "the request at the upstream")
    assert [r["path"] for r in rig.world.requests()] == ["/early"]


def test_a_refusal_that_closes_ends_the_whole_tunnel(rig: Rig) -> None:
    assert code_of(exchange(rig, get())) == ""
    raw = rig.connect(f"{EXAMPLE}:{rig.world.tls_port}")
    with shake(rig, raw) as tls:
        tls.sendall(b"GET /x HTTP/1.1\r\nHost: evil.example.com\r\n\r\n")
        assert code_of(read(tls)) == "host-mismatch"
        until(lambda: not _open(rig), "the sidecar to let go of the connection")


def _open(rig: Rig) -> int:
    with rig.sidecar.control() as control:
        return int(control.details()["connections"])


def test_a_cut_reaches_a_stream_inside_a_tunnel(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE))
    with rig.tunnel(EXAMPLE) as tls:
        assert code_of(ask(tls, keep("/a"), b"}")) == ""
        with rig.sidecar.control() as control:
            control.cut()
        assert read(tls) == b""
