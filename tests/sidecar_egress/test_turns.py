"""One turn of the event loop is so much work, whatever one read brought, and everybody has turns:
what an operator says is heard and carried out meanwhile. Counted in turns, not in time."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from h2.connection import H2Connection
from mitmproxy.proxy import commands

from botbottle.model.route import Route
from botbottle.model.sidecar_config import Hold
from botbottle.sidecar.egress.frames import Hop
from botbottle.sidecar.egress.layers import Http
from botbottle.sidecar.egress.sockets import Sockets
from botbottle.sidecar.egress.turns import FEW, LITTLE, READ, STEPS, Breath, Turns, paced
from botbottle.sidecar.egress.windows import PacedHttp1, Windowed
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, Talk, some
from tests.sidecar_egress.rig import EXAMPLE, until

COUNT = 5000  # frames, chunks or messages of one flood: they come in one read
TURN = 400  # of them in one turn at most


class Loop:
    """Turns as an event loop has them."""

    def __init__(self) -> None:
        self.due: deque[Callable[[], None]] = deque()
        self.turns = Turns(self.due.append)

    def turn(self) -> None:
        self.due.popleft()()


class TestTurns:
    """Who waits for whom."""

    def test_the_turn_is_over_after_so_much_and_begins_anew_in_the_next(self) -> None:
        loop = Loop()
        loop.turns.spend(STEPS // 2 - 1)
        assert not loop.due, "little work is not told to the loop"
        loop.turns.spend(STEPS // 2)
        assert not loop.turns.over and len(loop.due) == 1
        loop.turns.spend(1)
        assert loop.turns.over and len(loop.due) == 1
        loop.turn()
        assert not loop.turns.over and not loop.due

    def test_work_that_others_have_turns_between_never_waits(self) -> None:
        loop = Loop()
        for _ in range(100):
            loop.turns.spend(STEPS - 1)
            assert not loop.turns.over
            loop.turn()

    def test_those_who_wait_come_in_their_order_so_many_in_a_turn(self) -> None:
        loop, done = Loop(), list[int]()

        def work(number: int) -> None:
            done.append(number)
            loop.turns.spend(STEPS // 2)

        for number in range(5):
            loop.turns.later(lambda n=number: work(n))  # type: ignore[misc]
        assert loop.turns.over, "who comes now comes after them"
        seen = []
        while loop.due:
            loop.turn()
            seen.append(len(done))
        assert done == [0, 1, 2, 3, 4] and seen[:3] == [2, 4, 5]

    def test_an_error_in_the_work_of_one_does_not_hold_up_the_others(self) -> None:
        loop, done = Loop(), list[int]()
        loop.turns.later(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
        loop.turns.later(lambda: done.append(1))
        with pytest.raises(ZeroDivisionError):
            loop.turn()
        loop.turn()
        assert done == [1] and not loop.turns.over

    def test_little_is_read_while_others_wait(self) -> None:
        loop = Loop()
        assert len(loop.turns.buffer) == READ
        loop.turns.later(lambda: None)
        assert len(loop.turns.buffer) == LITTLE


def test_a_breath_after_every_few_commands_and_replies_reach_who_waits_for_them() -> None:
    replies = []

    def made() -> Iterator[commands.Command]:
        for number in range(3 * FEW):
            replies.append((yield commands.Log(str(number))))

    pace: Any = paced(made())  # type: ignore[arg-type]
    seen, reply = [], None
    with suppress(StopIteration):
        while True:
            seen.append(pace.send(reply))
            reply = None if isinstance(seen[-1], Breath) else len(replies)
    breaths = [n for n, each in enumerate(seen) if isinstance(each, Breath)]
    assert breaths == [FEW, 2 * FEW + 1] and replies == list(range(3 * FEW))


class Ticks:
    """Counts what is done in each turn of a sidecar's event loop."""

    def __init__(self, inside: Inside) -> None:
        self.now, self.done, self._on = 0, Counter[int](), True
        self._loop = inside._loop
        self._loop.call_soon_threadsafe(self._tick)

    def _tick(self) -> None:
        self.now += 1
        if self._on:
            self._loop.call_soon(self._tick)

    def stop(self) -> None:
        self._on = False

    def did(self, *_: object) -> None:
        self.done[self.now] += 1

    @property
    def most(self) -> int:
        return max(self.done.values(), default=0)


@contextmanager
def counting(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, kind: type, name: str
) -> Iterator[Ticks]:
    """Count calls of a method."""
    ticks, original = Ticks(inside), getattr(kind, name)

    def counted(*args: Any, **more: Any) -> Any:
        ticks.did()
        return original(*args, **more)

    monkeypatch.setattr(kind, name, counted)
    try:
        yield ticks
    finally:
        ticks.stop()


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


MESSAGE = b"\x82\x81\0\0\0\0"  # of one byte, which follows
PART = b"\x00\x80\0\0\0\0"  # of an unfinished message, empty


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

    def talk(stream: socket.socket, _: bytes) -> None:
        stream.sendall(answer)

    with talking(talk, inside) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with (
            inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls,
            counting(inside, monkeypatch, Http, "_aim") as ticks,
        ):
            method = "POST" if way == "request" else "GET"
            ask = f"{method} / HTTP/1.1\r\nHost: {EXAMPLE}:{far.port}\r\n"
            chunked = b"Transfer-Encoding: chunked\r\n\r\n" + body
            tls.sendall(ask.encode() + (chunked if way == "request" else b"\r\n"))
            got = b""
            while not got.endswith((b"0\r\n\r\n", b"ok")):
                got += some(tls)
    assert got.count(CHUNK) == (COUNT if way == "response" else 0)
    assert sum(ticks.done.values()) > COUNT and ticks.most <= 3 * TURN


def test_informational_heads_are_passed_over_so_many_a_turn(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = b"HTTP/1.1 100 C\r\n\r\n" * COUNT + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def talk(stream: socket.socket, _: bytes) -> None:
        stream.sendall(answer)

    with talking(talk, inside) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with (
            inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls,
            counting(inside, monkeypatch, PacedHttp1, "_head") as ticks,
        ):
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {EXAMPLE}:{far.port}\r\n\r\n".encode())
            got = b""
            while not got.endswith(b"ok"):
                got += some(tls)
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
