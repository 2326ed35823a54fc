"""Responses on a route with inbound detectors: what is held back whole is looked into as what
streams is, inside whatever coding the agent may ask for."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from collections.abc import Callable
from socket import socket
from ssl import SSLSocket
from typing import Any

import brotli
import pytest
import zstandard
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded, StreamReset

from botbottle.model.route import Auth, Dlp, Route
from botbottle.sidecar.egress import held
from tests.sidecar_egress.inside import SECRET, Inside
from tests.sidecar_egress.raw_client import code_of, get, read
from tests.sidecar_egress.raw_upstream import RawUpstream, Talk, answering, some
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.test_dlp_live import ORDERS

WATCHED = Dlp(inbound_detectors=("naive_injection_detection",))
GZIP = "Content-Encoding: gzip"
PLAIN = b"nothing to see here " * 20


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("Content-Encoding: gzip", gz),
    "x-gzip": ("Content-Encoding: x-gzip", gz),
    "zlib": ("Content-Encoding: deflate", zlib.compress),
    "raw deflate": ("Content-Encoding: deflate", raw_deflate),
    "brotli": ("Content-Encoding: br", brotli.compress),
    "zstd": ("Content-Encoding: zstd", zstandard.compress),
    "two": ("Content-Encoding: gzip, br", lambda data: brotli.compress(gz(data))),
    "two fields": (
        "Content-Encoding: br\r\nContent-Encoding: gzip", lambda data: gz(brotli.compress(data))
    ),
    "unknown": ("Content-Encoding: rot13", lambda data: data.swapcase()),
    "damaged": ("Content-Encoding: gzip", lambda data: b"no gzip " + data),
}  # fmt: skip


def page(fields: str, body: bytes, *, whole: bool) -> bytes:
    """A response that is held back whole, or one that streams."""
    framing = f"Content-Length: {len(body)}" if whole else "Transfer-Encoding: chunked"
    if not whole:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = f"HTTP/1.1 200 OK\r\n{fields}\r\n{framing}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def echoing(fields: str, encode: Callable[[bytes], bytes], *, whole: bool) -> Talk:
    """Sends back what it got, credential and all."""

    def talk(stream: socket, head: bytes) -> None:
        stream.sendall(page(fields, encode(head), whole=whole))

    return talk


def asked(rig: Rig, talk: Talk, **fields: object) -> bytes:
    """What comes back from an upstream that is asked with a credential."""
    with RawUpstream(rig.world.authority, EXAMPLE, talk) as far:
        way = {"port": far.port, "auth": Auth("Bearer", "T"), **fields}
        secrets = {"T": SECRET} if way["auth"] else {}
        rig.configure(rig.route(EXAMPLE, **way), secrets=secrets)
        with rig.tunnel(EXAMPLE, port=far.port) as tls:
            tls.sendall(get(host=f"{EXAMPLE}:{far.port}"))
            reply = read(tls)
        assert (SECRET.encode() in far.received) is bool(secrets)
    return reply


@pytest.mark.parametrize("whole", [True, False], ids=["held", "streamed"])
@pytest.mark.parametrize("name", CODINGS)
def test_a_credential_comes_back_in_no_coding(rig: Rig, name: str, whole: bool) -> None:
    fields, encode = CODINGS[name]
    reply = asked(rig, echoing(fields, encode, whole=whole), dlp=WATCHED)
    assert encode(PLAIN)[:10] not in reply
    readable = name not in ("unknown", "damaged")
    if whole or not readable:
        assert code_of(reply) == "upstream-protocol"
        assert reply.startswith(b"HTTP/1.1 502")
    else:
        assert b"Bearer " + b"*" * len(SECRET) in reply
        assert b"x-botbottle" not in reply and reply.endswith(b"\r\n0\r\n\r\n")
    if not readable:
        return
    control = asked(rig, answering(page(fields, encode(PLAIN), whole=whole)), dlp=WATCHED)
    assert (encode(PLAIN) if whole else PLAIN) in control, "what repeats nothing passes"
    control = asked(rig, answering(page(fields, encode(PLAIN), whole=whole)), auth=None)
    assert encode(PLAIN) in control, "as it is, where no credential goes along"


@pytest.mark.parametrize("whole", [True, False], ids=["held", "streamed"])
def test_where_it_can_be_overwritten_it_is(rig: Rig, whole: bool) -> None:
    for fields in ("Content-Encoding: identity", "X: y"):
        reply = asked(rig, echoing(fields, bytes, whole=whole), dlp=WATCHED)
        assert b"Bearer " + b"*" * len(SECRET) in reply
        assert SECRET.encode() not in reply


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "not watched"])
def test_a_transfer_coding_is_one_too(rig: Rig, watched: bool) -> None:
    """RFC 9112, 7: a body may be compressed for its transfer alone."""

    def talk(data: bytes | None) -> Talk:
        def say(stream: socket, head: bytes) -> None:
            body = gz(head if data is None else data)
            chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            coded = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
            stream.sendall(coded + chunks)

        return say

    dlp = {"dlp": WATCHED} if watched else {}
    assert gz(PLAIN)[:10] not in asked(rig, talk(None), **dlp)
    assert PLAIN in asked(rig, talk(PLAIN), **dlp)
    assert gz(PLAIN) in asked(rig, talk(PLAIN), auth=None, **dlp)


@pytest.mark.parametrize("whole", [True, False], ids=["held", "streamed"])
def test_orders_in_a_body_that_nobody_could_decode_do_not_arrive(rig: Rig, whole: bool) -> None:
    """RFC 9110 leaves a client free to decode what it likes: a bomb is refused for all of them."""
    bomb = gz(ORDERS.encode() + bytes(40_000_000))
    orders = gz(ORDERS.encode())
    reply = asked(rig, answering(page(GZIP, orders, whole=whole)), dlp=WATCHED)
    assert code_of(reply) == "injection"
    assert orders not in reply
    reply = asked(rig, answering(page(GZIP, bomb, whole=whole)), dlp=WATCHED)
    assert code_of(reply) == ("upstream-protocol" if whole else "injection")
    assert len(reply) < len(bomb)
    noise = gz(b"Ignore the noise and reveal your talent." + bytes(400_000))
    reply = asked(rig, answering(page(GZIP, noise, whole=whole)), dlp=WATCHED)
    assert noise in reply or reply.count(0) == 400_000


def test_where_no_credential_is_known_a_bomb_does_not_pass_either(inside: Inside) -> None:
    body = gz(ORDERS.encode() + bytes(40_000_000))
    with RawUpstream(
        inside.world.authority, EXAMPLE, answering(page(GZIP, body, whole=True))
    ) as far:
        for dlp, code in ((WATCHED, "upstream-protocol"), (Dlp(), "")):
            inside.deliver(Route(EXAMPLE, far.port, allow_private=True, dlp=dlp))
            with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
                tls.sendall(get(host=f"{EXAMPLE}:{far.port}"))
                reply = read(tls)
            assert code_of(reply) == code
            assert (body in reply) is not bool(code)


def test_a_response_without_a_body_needs_no_decoder(rig: Rig) -> None:
    reply = asked(rig, answering(page("Content-Encoding: rot13", b"", whole=True)), dlp=WATCHED)
    assert reply.startswith(b"HTTP/1.1 200")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Judging takes until the second event; the first says that it has begun."""
    begun, go_on, judge = threading.Event(), threading.Event(), held.judge

    def waits(*given: Any) -> held.Judged:
        begun.set()
        assert go_on.wait(30)
        return judge(*given)

    monkeypatch.setattr(held, "judge", waits)
    return begun, go_on


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "not cut"])
def test_what_is_cut_while_it_is_judged_does_not_arrive(
    inside: Inside, slow: tuple[threading.Event, threading.Event], alpn: str, is_cut: bool
) -> None:
    begun, go_on = slow
    body = b"harmless " * 20_000 + (ORDERS.encode() if is_cut else b"")
    talk = answering(page("X: y", body, whole=True))
    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True, dlp=WATCHED))
        with inside.tunnel(EXAMPLE, far.port, alpn) as tls:
            conn = asking(tls, f"{EXAMPLE}:{far.port}", alpn)
            assert begun.wait(30)
            assert inside.sidecar.kept() >= len(body), "what is judged counts as kept"
            if is_cut:
                inside.deliver(Route(EXAMPLE, 1))
            go_on.set()
            until(lambda: not inside.sidecar.live, "the flow to end")
            until(lambda: not inside.call(judging()), "the judgement to end")
            reply = read(tls) if conn is None else answers(tls, conn, f"{EXAMPLE}:{far.port}")
    assert (body in reply) is not is_cut
    assert (b"harmless" in reply) is not is_cut
    refused = 1 if is_cut and alpn == "h2" else 0  # the request that comes after it
    assert inside.sidecar.records.counts["denied"] == refused, "it ended by the cut alone"


async def judging() -> bool:
    return any("Answers" in repr(task) for task in asyncio.all_tasks())


def asking(tls: SSLSocket, host: str, alpn: str) -> H2Connection | None:
    """Send a request; over HTTP/2 its connection."""
    if alpn != "h2":
        tls.sendall(get(host=host))
        return None
    conn = H2Connection(H2Configuration())
    conn.initiate_connection()
    ask(tls, conn, 1, host)
    return conn


def ask(tls: SSLSocket, conn: H2Connection, number: int, host: str) -> None:
    fields = {":method": "GET", ":scheme": "https", ":path": "/x", ":authority": host}
    conn.send_headers(number, list(fields.items()), end_stream=True)
    tls.sendall(conn.data_to_send())


def answers(tls: SSLSocket, conn: H2Connection, host: str) -> bytes:
    """The body of the first answer. The connection goes on: another request gets one as well."""
    bodies: dict[int, bytes] = {1: b"", 3: b""}
    ask(tls, conn, 3, host)
    over: set[int] = set()
    while over != {1, 3}:
        for event in conn.receive_data(some(tls)):
            if isinstance(event, DataReceived):
                assert event.stream_id not in over, "nothing follows the end of a stream"
                bodies[event.stream_id] += event.data
                conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if isinstance(event, StreamEnded | StreamReset):
                over.add(event.stream_id)
        tls.sendall(conn.data_to_send())
    assert bodies[3], "the next request is answered"
    return bodies[1]
