"""A metered WebSocket whose agent does not read is read on and booked, as HTTP responses are."""

from __future__ import annotations

import json
import socket
import ssl
import threading

import pytest
import wsproto
from wsproto.events import AcceptConnection, TextMessage
from wsproto.utilities import generate_accept_token

from botbottle.model.route import Route
from botbottle.model.usage import Completeness, Exchange
from botbottle.sidecar.egress import unread
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, Talk
from tests.sidecar_egress.rig import OPENAI, until

BOUND = 20_000  # tokens that the request allows
MIB = 1024 * 1024
CREATE = {"type": "response.create", "model": "m", "input": "hi", "max_output_tokens": BOUND}


def frame(document: dict[str, object]) -> bytes:
    """A text message of the server's (RFC 6455, 5.2)."""
    data = json.dumps(document).encode()
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
    return b"\x81" + size + data


STARTED = frame({"type": "response.created", "response": {"id": "r1", "model": "m"}})
FILLER = frame({"type": "response.in_progress", "filler": "x" * 1000})
USAGE = {"input_tokens": 10, "output_tokens": 77, "total_tokens": 87}
ENDED = frame(
    {"type": "response.completed", "response": {"id": "r1", "model": "m", "usage": USAGE}}
)


def answering(*frames: bytes) -> Talk:
    """Opens the WebSocket and, once something was asked, sends these frames."""

    def talk(stream: socket.socket, head: bytes) -> None:
        key = head.lower().partition(b"sec-websocket-key:")[2].split(b"\r\n")[0].strip()
        raw = head[head.lower().index(key) :][: len(key)]
        accept = generate_accept_token(raw)
        stream.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        stream.recv(65536)
        for each in frames:
            stream.sendall(each)

    return talk


def asks(inside: Inside, port: int) -> ssl.SSLSocket:
    """A WebSocket on which something is asked and nothing is read, with little room."""
    inside.deliver(Route(OPENAI, port, allow_private=True, provider="codex"))
    tls = inside.tunnel(OPENAI, port, "http/1.1", receive=16 * 1024)
    ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    tls.sendall(ws.send(wsproto.events.Request(host=f"{OPENAI}:{port}", target="/v1/responses")))
    ws.receive_data(tls.recv(4096))
    assert isinstance(next(ws.events()), AcceptConnection)
    tls.sendall(ws.send(TextMessage(json.dumps(CREATE))))
    return tls


def rows(inside: Inside) -> list[Exchange]:
    return [row for kind, told in inside.ledger.told if kind == "settle" for row in told]


def holding(inside: Inside) -> bool:
    return any(driver.pressure.holding for driver in list(inside.sidecar.drivers))


def test_it_is_read_to_the_end_of_the_response(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "AHEAD", 64 * MIB)
    frames = (STARTED, *[FILLER * 64] * (16 * MIB // len(FILLER) // 64), ENDED)
    with (
        RawUpstream(inside.world.authority, OPENAI, answering(*frames)) as far,
        asks(inside, far.port),
    ):
        until(lambda: bool(rows(inside)), "the row")
        (row,) = rows(inside)
        assert (row.completeness, row.tokens.output) == (Completeness.FINAL, 77)


def test_one_that_is_held_back_is_ended_and_booked_at_what_was_asked_for(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "PATIENCE", 0.5)
    frames = (STARTED, *[FILLER * 64] * 1024)
    with (
        RawUpstream(inside.world.authority, OPENAI, answering(*frames)) as far,
        asks(inside, far.port),
    ):
        until(lambda: bool(rows(inside)), "the row")
        (row,) = rows(inside)
        assert (row.completeness, row.tokens.output) == (Completeness.PARTIAL, BOUND)
        assert "not read by the client" in row.note
        assert not inside.ledger.open, "the reservation is given back"


def test_leaving_while_it_is_held_back_is_no_cheaper(inside: Inside) -> None:
    frames = (STARTED, *[FILLER * 64] * 1024)
    with (
        RawUpstream(inside.world.authority, OPENAI, answering(*frames)) as far,
        asks(inside, far.port) as tls,
    ):
        until(lambda: holding(inside), "the hold")
        (driver,) = inside.sidecar.drivers
        assert driver.pressure.waiting() < unread.AHEAD + 2 * MIB
        tls.close()
        until(lambda: bool(rows(inside)), "the row")
        assert rows(inside)[0].tokens.output == BOUND


def test_one_whose_reservation_is_lost_ends(inside: Inside) -> None:
    going = threading.Event()
    begin = answering(STARTED, FILLER)

    def talk(stream: socket.socket, head: bytes) -> None:
        begin(stream, head)
        going.set()

    with (
        RawUpstream(inside.world.authority, OPENAI, talk) as far,
        asks(inside, far.port) as tls,
    ):
        assert going.wait(30)
        until(lambda: bool(inside.ledger.open), "the admission")

        async def lose(lease: str) -> None:
            inside.sidecar._lease_lost(lease, "expired")

        inside.call(lose("another"))
        assert inside.sidecar.live
        inside.call(lose(next(iter(inside.ledger.open))))
        while tls.recv(65536):
            pass
        until(lambda: bool(rows(inside)), "the row")
