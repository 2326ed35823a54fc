"""What is kept is bounded whatever the peers do: a sender waits for a receiver that does not read.

Each sender here tries to get rid of far more than the bound. Where the product holds, it stands
still after some megabytes, nearly all of them in the kernel's buffers of loopback sockets.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import pytest

from tests.sidecar_egress.pressing import H2, MIB, MUCH, PIECE, STILL, grows_little, pushed, warmed
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.ws_client import Socket


class TestAnUploadWaits:
    """... for an upstream that takes nothing."""

    @pytest.fixture(params=["no-handshake", "does-not-read"])
    def deaf(self, request: pytest.FixtureRequest, own: Rig) -> Iterator[int]:
        """The port of an upstream that accepts and does no more, or reads a head and no more."""
        done = threading.Event()
        if request.param == "no-handshake":
            with socket.create_server(("127.0.0.1", 0)) as listener:
                yield listener.getsockname()[1]
            return
        with RawUpstream(own.world.authority, EXAMPLE, lambda s, h: _until(done)) as far:
            yield far.port
            done.set()

    def test_over_http1(self, own: Rig, deaf: int) -> None:
        warmed(own, deaf)
        with grows_little(own), own.tunnel(EXAMPLE, port=deaf) as tls:
            tls.sendall(_post(MUCH))
            assert pushed(tls) < MUCH

    def test_over_http2(self, own: Rig, deaf: int) -> None:
        warmed(own, deaf)
        with grows_little(own), own.tunnel(EXAMPLE, port=deaf, alpn=["h2"]) as tls:
            sent = H2(tls, ((":method", "POST"), (":path", "/upload"))).upload()
        assert sent < MUCH

    def test_and_the_connections_other_streams_do_not(self, own: Rig, deaf: int) -> None:
        warmed(own, deaf)
        with own.tunnel(EXAMPLE, port=deaf, alpn=["h2"]) as tls:
            client = H2(tls, ((":method", "POST"), (":path", "/upload")))
            client.upload()
            tls.settimeout(20)
            head = [(":method", "GET"), (":scheme", "https"), (":path", "/git/x/info/refs"),
                    (":authority", "other.example.com")]  # fmt: skip
            client.conn.send_headers(3, head, end_stream=True)
            tls.sendall(client.conn.data_to_send())
            assert client.status() == b"400", "refused at once: two hosts"


def _post(length: int) -> bytes:
    return f"POST /upload HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {length}\r\n\r\n".encode()


def _until(done: threading.Event) -> None:
    done.wait(60)


class Source:
    """A response that never ends, over HTTP/1 or HTTP/2. ``sent``: what was taken of it."""

    def __init__(self, protocol: str) -> None:
        self.sent, self.stands = 0, threading.Event()
        self._protocol = protocol

    def talk(self, stream: socket.socket, head: bytes) -> None:
        if self._protocol == "h2":
            self._talk_h2(stream, head)
        else:
            length = b"Content-Length: %d\r\n\r\n" % (2 * MUCH)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + length)
            self.sent = pushed(stream)
        self.stands.set()
        stream.settimeout(30)

    def _talk_h2(self, stream: socket.socket, head: bytes) -> None:
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        conn.initiate_connection()
        events = conn.receive_data(head)
        stream.settimeout(30)
        while not any(isinstance(e, h2.events.RequestReceived) for e in events):
            stream.sendall(conn.data_to_send())
            events = conn.receive_data(some(stream))
        conn.send_headers(1, [(":status", "200"), ("content-type", "text/plain")])
        stream.settimeout(STILL)
        with contextlib.suppress(OSError):
            while self.sent < MUCH:
                stream.sendall(conn.data_to_send())
                if room := conn.local_flow_control_window(1):
                    piece = PIECE[: min(room, conn.max_outbound_frame_size)]
                    conn.send_data(1, piece)
                    self.sent += len(piece)
                else:
                    conn.receive_data(some(stream))


class TestADownloadWaits:
    """... for an agent that does not read, or gives no window."""

    @pytest.mark.parametrize(
        ("near", "far"), [("http/1.1", "http/1.1"), ("h2", "http/1.1"), ("h2", "h2")]
    )
    def test_whatever_both_sides_speak(self, own: Rig, near: str, far: str) -> None:
        source = Source(far)
        with RawUpstream(own.world.authority, EXAMPLE, source.talk, alpn=far) as upstream:
            warmed(own, upstream.port)
            with grows_little(own), self._asks(own, upstream.port, near):
                assert source.stands.wait(60)
        assert 0 < source.sent < MUCH

    @contextlib.contextmanager
    def _asks(self, rig: Rig, port: int, near: str) -> Iterator[None]:
        """A request whose answer is not read to its end."""
        with rig.tunnel(EXAMPLE, port=port, alpn=[near]) as tls:
            tls.settimeout(30)
            if near == "h2":
                assert H2(tls, ((":path", "/x"),)).status() == b"200"
            else:
                tls.sendall(b"GET /x HTTP/1.1\r\nHost: %b\r\n\r\n" % EXAMPLE.encode())
            yield


def test_an_agent_that_makes_the_sidecar_talk_and_does_not_listen_waits(own: Rig) -> None:
    """Pings over HTTP/2, refusals over HTTP/1: both would be answered without end."""
    warmed(own, own.world.tls_port)
    conn = h2.connection.H2Connection(h2.config.H2Configuration())
    conn.initiate_connection()
    start = conn.data_to_send()
    conn.ping(b"12345678")
    ping = conn.data_to_send()
    get = b"GET /x HTTP/1.1\r\nHost: denied.example.com\r\n\r\n"
    for alpn, piece in (("h2", ping * 16_384), ("http/1.1", get * 4_096)):
        with grows_little(own), own.tunnel(EXAMPLE, alpn=[alpn]) as tls:
            tls.sendall(start if alpn == "h2" else b"")
            assert pushed(tls, piece) < MUCH


def test_both_directions_of_one_exchange_do_not_wait_for_each_other(own: Rig) -> None:
    """An upstream that answers while it reads, to an agent that reads while it writes."""
    length = 12 * MIB

    def echo(stream: socket.socket, head: bytes) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        body = head.partition(b"\r\n\r\n")[2]
        stream.sendall(body)
        left = length - len(body)
        while left > 0:  # what comes is longer: it is chunked
            piece = some(stream)[:left]
            left -= len(piece)
            stream.sendall(piece)

    with RawUpstream(own.world.authority, EXAMPLE, echo) as far:
        own.configure(own.route(EXAMPLE, port=far.port, stream_uploads=True))
        with own.tunnel(EXAMPLE, port=far.port) as tls:
            tls.settimeout(60)
            head = f"POST /echo HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunk = b"%x\r\n%b\r\n" % (MIB, b"x" * MIB)
            sent = head.encode() + chunk * (length // MIB) + b"0\r\n\r\n"
            assert len(_both_ways(tls, sent, length)) == length


def _both_ways(stream: ssl.SSLSocket, sent: bytes, length: int) -> bytes:
    """Send and receive at once, in one thread: a TLS object is not safe to share between two.
    Returns the response's body, at least ``length`` bytes unless the connection ends."""
    left, received, more = memoryview(sent), bytearray(), True
    stream.setblocking(False)
    while more and len(received.partition(b"\r\n\r\n")[2]) < length:
        ready = select.select([stream], [stream] if left else [], [], 60)
        assert any(ready), "both directions wait"
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            left = left[stream.send(left[:65536]) :] if left else left
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            piece = stream.recv(MIB)
            received += piece
            more = bool(piece)
    return bytes(received.partition(b"\r\n\r\n")[2])


def test_a_websocket_waits_while_one_of_its_messages_is_held(own: Rig) -> None:
    """A message that an operator must decide on: what follows it stays with the agent."""
    warmed(own, own.world.tls_port)
    own.configure(own.route(EXAMPLE), supervise=True)
    ws = Socket(own, EXAMPLE, "/ws")
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"
    ws.send({"text": token})
    until(lambda: own.ledger.ledger.proposals(now=time.time()), "the message to be held")
    sent = 0
    with grows_little(own), contextlib.suppress(OSError):
        ws._tls.settimeout(STILL)
        while sent < MUCH:
            ws.send_raw(PIECE)
            sent += len(PIECE)
    assert sent < MUCH
    ws.close()
