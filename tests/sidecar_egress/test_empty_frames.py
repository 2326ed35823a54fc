"""HTTP/2 DATA frames without a byte: no end of a body, on the way up or back."""

from __future__ import annotations

import socket

import h2.config
import h2.connection
import h2.events
import pytest

from botbottle.model.route import Auth
from tests.sidecar_egress.pressing import H2
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, Rig

SECRET = "real-secret-value-0123"
GRPC = ("content-type", "application/grpc")


def _reads_only(stream: socket.socket, head: bytes) -> None:
    """An upstream that answers nothing."""


class Answering:
    """An upstream that answers once the request's end is there. ``seen``: the request."""

    def __init__(self, end: bytes = b"\r\n0\r\n\r\n") -> None:
        self.seen, self._end = b"", end

    def talk(self, stream: socket.socket, head: bytes) -> None:
        self.seen = head
        while not self.seen.endswith(self._end) and (data := stream.recv(65536)):
            self.seen += data
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def sends(tls: socket.socket, pieces: list[bytes], *extra: tuple[str, str]) -> bytes:
    """The status of a POST whose body comes in these DATA frames."""
    client = H2(tls, ((":method", "POST"), (":path", "/upload"), *extra))
    for piece in pieces:
        client.conn.send_data(1, piece)
    client.conn.end_stream(1)
    tls.sendall(client.conn.data_to_send())
    return client.status()


def cut_up(secret: bytes) -> list[bytes]:
    """Four bytes, an empty frame, four bytes, ..."""
    return [p for at in range(0, len(secret), 4) for p in (secret[at : at + 4], b"")]


CASES = {
    "upload": ([b"first words ", b"", SECRET.encode() + b" and more", b"", b"."], ()),
    "grpc": (cut_up(SECRET.encode()), (GRPC,)),
    "grpc-framed": ([b"\0\0\0\0\x16", b"", *cut_up(SECRET.encode())], (GRPC,)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_follows_an_empty_frame_is_judged_before_it_leaves(rig: Rig, case: str) -> None:
    pieces, extra = CASES[case]
    with RawUpstream(rig.world.authority, EXAMPLE, _reads_only) as far:
        route = rig.route(EXAMPLE, port=far.port, stream_uploads=True)
        holder = rig.route(ANTHROPIC, auth=Auth("Bearer", "T"))
        rig.configure(route, holder, secrets={"T": SECRET})
        with rig.tunnel(EXAMPLE, port=far.port, alpn=["h2"]) as tls:
            tls.settimeout(60)
            assert sends(tls, pieces, *extra) == b"403"
        assert far.received.partition(b"\r\n\r\n")[2] == b""


def test_a_clean_body_with_empty_frames_arrives_whole(rig: Rig) -> None:
    upstream = Answering()
    with RawUpstream(rig.world.authority, EXAMPLE, upstream.talk) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port, stream_uploads=True))
        with rig.tunnel(EXAMPLE, port=far.port, alpn=["h2"]) as tls:
            tls.settimeout(60)
            assert sends(tls, [b"", b"one ", b"", b"", b"two"]) == b"200"
        assert upstream.seen.endswith(b"\r\n\r\n7\r\none two\r\n0\r\n\r\n")


HIDDEN = b"DELETE /not-allowed HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
FRAMED = {
    "in-passing": (
        True,
        b"transfer-encoding: chunked",
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
    ),
    "whole": (False, b"content-length: %d" % len(HIDDEN), HIDDEN),
}


@pytest.mark.parametrize("case", FRAMED)
def test_a_body_of_unknown_length_never_becomes_a_request_of_its_own(rig: Rig, case: str) -> None:
    """HTTP/2 needs no length; an HTTP/1 upstream would take the body for the next request."""
    streams, framing, wanted = FRAMED[case]
    upstream = Answering(wanted[-8:])
    with RawUpstream(rig.world.authority, EXAMPLE, upstream.talk) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port, stream_uploads=streams))
        with rig.tunnel(EXAMPLE, port=far.port, alpn=["h2"]) as tls:
            tls.settimeout(60)
            assert sends(tls, [HIDDEN]) == b"200"
        head, _, body = upstream.seen.partition(b"\r\n\r\n")
        framings = [f for f in head.lower().split(b"\r\n") if f.startswith((b"tr", b"content-l"))]
        assert (framings, body) == ([framing], wanted)


def _echoes_in_two_frames(stream: socket.socket, head: bytes) -> None:
    """An HTTP/2 upstream that sends the secret back with an empty frame in its middle."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    conn.initiate_connection()
    events = conn.receive_data(head)
    while not any(isinstance(e, h2.events.RequestReceived) for e in events):
        stream.sendall(conn.data_to_send())
        events = conn.receive_data(some(stream))
    conn.send_headers(1, [(":status", "200"), ("content-type", "text/plain")])
    for piece in (b"<" + SECRET[:10].encode(), b"", SECRET[10:].encode() + b">"):
        conn.send_data(1, piece)
    conn.end_stream(1)
    stream.sendall(conn.data_to_send())


def test_an_echo_with_an_empty_frame_in_its_middle_is_overwritten(rig: Rig) -> None:
    with RawUpstream(rig.world.authority, EXAMPLE, _echoes_in_two_frames, alpn="h2") as far:
        rig.configure(rig.route(EXAMPLE, port=far.port, auth=Auth("Bearer", "T")),
                      secrets={"T": SECRET})  # fmt: skip
        with rig.tunnel(EXAMPLE, port=far.port, alpn=["h2"]) as tls:
            tls.settimeout(60)
            client, body, ended = H2(tls, ((":path", "/x"),)), b"", False
            while not ended:
                for event in client.receive():
                    body += event.data or b"" if isinstance(event, h2.events.DataReceived) else b""
                    ended = ended or isinstance(event, h2.events.StreamEnded)
    assert body == b"<" + b"*" * len(SECRET) + b">"
