"""One turn of the event loop is so much work, whatever one read brought, and everybody has turns:
what an operator says is heard and carried out meanwhile. Counted in turns, not in time."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from h2.connection import H2Connection

from botbottle.model.route import Route
from botbottle.model.sidecar_config import Hold
from botbottle.sidecar.egress.frames import Hop
from botbottle.sidecar.egress.layers import Http
from botbottle.sidecar.egress.sockets import Sockets
from botbottle.sidecar.egress.target import MAX_QUERY
from botbottle.sidecar.egress.turns import STEPS
from botbottle.sidecar.egress.upstream_http1 import PacedHttp1
from botbottle.sidecar.egress.windows import Windowed
from tests.sidecar_egress.counting import Ticks, counting
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import get, read
from tests.sidecar_egress.raw_upstream import RawUpstream, Talk, some
from tests.sidecar_egress.rig import EXAMPLE, until

COUNT = 5000  # frames, chunks or messages of one flood: they come in one read
TURN = 400  # of them in one turn at most
MESSAGE = b"\x82\x81\0\0\0\0"  # of one byte, which follows
PART = b"\x00\x80\0\0\0\0"  # of an unfinished message, empty


def talking(talk: Talk, inside: Inside) -> RawUpstream:
    return RawUpstream(inside.world.authority, EXAMPLE, talk)


def upgraded(inside: Inside, port: int) -> ssl.SSLSocket:
    """A WebSocket whose first bytes were read."""
    tls = inside.tunnel(EXAMPLE, port, "http/1.1")
    key = base64.b64encode(b"k" * 16).decode()
    fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}"
    version = "Sec-WebSocket-Version: 13"
    tls.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {EXAMPLE}:{port}\r\n{fields}\r\n{version}\r\n\r\n".encode()
    )
    assert some(tls).startswith(b"HTTP/1.1 101")
    return tls


def accepting(stream: socket.socket, head: bytes) -> None:
    """Say yes to a WebSocket (RFC 6455, 4.2.2)."""
    (key,) = [
        x[18:].strip() for x in head.split(b"\r\n") if x.lower().startswith(b"sec-websocket-key:")
    ]
    known = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    stream.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\n" + fields + base64.b64encode(known) + b"\r\n\r\n"
    )


def keeping(got: list[bytes]) -> Talk:
    """Accept a WebSocket and keep what it says."""

    def talk(stream: socket.socket, head: bytes) -> None:
        accepting(stream, head)
        with suppress(OSError):
            while data := stream.recv(65536):
                got.append(data)

    return talk


def test_small_messages_are_judged_so_many_a_turn_in_their_order(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[bytes] = []
    said = bytes(n % 251 for n in range(COUNT))
    with talking(keeping(got), inside) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with (
            upgraded(inside, far.port) as tls,
            counting(inside, monkeypatch, Sockets, "message") as ticks,
        ):
            tls.sendall(b"".join(MESSAGE + bytes([each]) for each in said))
            until(lambda: sum(map(len, got)) >= COUNT * 7, "all messages to arrive")
    assert sum(ticks.done.values()) == COUNT, "none was left out"
    assert ticks.most <= TURN
    assert texts(b"".join(got)[: COUNT * 7]) == said, "in their order"


def texts(frames: bytes) -> bytes:
    """The texts of frames of one byte each, unmasked."""
    return bytes(frames[at + 6] ^ frames[at + 2] for at in range(0, len(frames), 7))


def test_frames_that_finish_nothing_are_looked_at_so_many_a_turn(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[bytes] = []
    seen: Ticks
    original = Hop.events

    def events(self: Hop) -> Iterator[Any]:
        for event in original(self):
            seen.did()
            yield event

    with talking(keeping(got), inside) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with upgraded(inside, far.port) as tls:
            seen = Ticks(inside)
            monkeypatch.setattr(Hop, "events", events)
            tls.sendall(b"\x02\x80\0\0\0\0" + PART * COUNT + b"\x80\x80\0\0\0\0")
            until(lambda: bool(got), "the message to arrive")
            seen.stop()
            total = sum(seen.done.values())
    assert total == COUNT + 2 and seen.most <= TURN


CHUNK = b"1\r\nx\r\n"


def exchanged(
    inside: Inside, answer: bytes, method: bytes, more: bytes, ends: tuple[bytes, ...]
) -> bytes:
    """What comes, up to one of ``ends``, for a request whose head goes on with ``more``."""

    def talk(stream: socket.socket, _: bytes) -> None:
        stream.sendall(answer)

    with talking(talk, inside) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            host = f"{EXAMPLE}:{far.port}".encode()
            tls.sendall(b"%b / HTTP/1.1\r\nHost: %b\r\n%b" % (method, host, more))
            got = b""
            while not got.endswith(ends):
                got += some(tls)
    return got


@pytest.mark.parametrize("way", ["request", "response"])
def test_small_chunks_are_passed_on_so_many_a_turn(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    body = CHUNK * COUNT + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\n"
    answer = head + (
        b"Transfer-Encoding: chunked\r\n\r\n" + body
        if way == "response"
        else b"Content-Length: 2\r\n\r\nok"
    )

    asked = b"POST", b"Transfer-Encoding: chunked\r\n\r\n" + body
    method, more = asked if way == "request" else (b"GET", b"\r\n")
    with counting(inside, monkeypatch, Http, "_aim") as ticks:
        got = exchanged(inside, answer, method, more, (b"0\r\n\r\n", b"ok"))
    assert got.count(CHUNK) == (COUNT if way == "response" else 0)
    assert sum(ticks.done.values()) > COUNT and ticks.most <= 3 * TURN


def test_informational_heads_are_passed_over_so_many_a_turn(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = b"HTTP/1.1 100 C\r\n\r\n" * COUNT + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    with counting(inside, monkeypatch, PacedHttp1, "_head") as ticks:
        got = exchanged(inside, answer, b"GET", b"\r\n", (b"ok",))
    assert got.startswith(b"HTTP/1.1 200") and b"100 C" not in got
    assert sum(ticks.done.values()) >= COUNT and ticks.most <= 2 * TURN


def frame(kind: int, flags: int, number: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + number.to_bytes(4) + body


@pytest.mark.parametrize("what", ["heads and resets", "pings"])
def test_http2_frames_are_read_so_many_a_turn(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    port, encoder = inside.world.tls_port, H2Connection().encoder
    fields = {":method": "GET", ":scheme": "https", ":path": "/", ":authority": f"{EXAMPLE}:{port}"}
    flood = [frame(6, 0, 0, b"12345678")] * COUNT
    if what != "pings":
        flood = [
            frame(1, 4, n, encoder.encode(list(fields.items()))) + frame(3, 0, n, bytes(4))
            for n in range(1, COUNT, 2)
        ]
    with (
        inside.tunnel(EXAMPLE, port) as tls,
        counting(inside, monkeypatch, Windowed, "_receive_frame") as ticks,
    ):
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        some(tls)
        threading.Thread(target=drain, args=(tls,), daemon=True).start()
        tls.sendall(b"".join(flood))
        until(lambda: sum(ticks.done.values()) >= COUNT, "all frames to be read")
    assert ticks.most <= 2 * TURN


def drain(tls: socket.socket) -> None:
    with suppress(OSError):
        while tls.recv(65536):
            pass


def test_a_cut_is_carried_out_while_messages_pour_in_and_none_follows(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what was read and waits for its turn no message is looked at after the cut."""
    judged: list[int] = []
    got: list[bytes] = []
    original = Sockets.message

    def message(self: Sockets, flow: Any) -> Any:
        judged.append(inside.sidecar.cuts)
        if len(judged) == 100:
            asyncio.get_running_loop().call_soon(
                inside.sidecar.cut_off, Hold("cutoff", "operator", "stop")
            )
        return original(self, flow)

    with talking(keeping(got), inside) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with upgraded(inside, far.port) as tls:
            monkeypatch.setattr(Sockets, "message", message)
            with suppress(OSError):
                tls.sendall((MESSAGE + b"x") * COUNT)
            until(lambda: inside.sidecar.cuts == 1, "the cut")
            until(lambda: not inside.sidecar.drivers, "all connections to end")
    assert 100 <= len(judged) <= 100 + TURN and not any(judged)
    assert not inside.sidecar.live


def test_a_long_head_is_a_turn_of_its_own(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    spent, real = list[int](), inside.sidecar.turns.spend

    def spend(steps: int) -> None:
        spent.append(steps)
        real(steps)

    monkeypatch.setattr(inside.sidecar.turns, "spend", spend)
    for size, most in ((10, STEPS // 2), (MAX_QUERY, 2 * STEPS)):
        spent.clear()
        with inside.tunnel(EXAMPLE, inside.world.tls_port, "http/1.1") as tls:
            tls.sendall(get("/x?" + "q" * size))
            assert b"nothing at /x" in read(tls)
        assert (max(spent) >= STEPS) is (size == MAX_QUERY) and max(spent) < most
