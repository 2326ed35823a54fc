"""An agent that asks, and then does not read, is booked for all that it asked for."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from botbottle.model.route import Route
from botbottle.model.usage import Completeness, Exchange
from botbottle.sidecar.egress import unread
from botbottle.sidecar.egress.unread import LEAST, PATIENCE, Unread
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import ANTHROPIC, until

BOUND = 20_000  # tokens that the request allows
MIB = 1024 * 1024


class TestPatience:
    """Whose reader took too little; time is given."""

    def test_is_over_after_a_minute_without_progress(self) -> None:
        held = Unread()
        assert held.expired({1: ("link", 100)}, 0.0) == []
        assert held.expired({1: ("link", 100)}, PATIENCE - 1) == []
        assert held.expired({1: ("link", 100 + LEAST - 1)}, PATIENCE) == [1]

    def test_begins_anew_with_progress(self) -> None:
        held = Unread()
        for minute in range(10):
            assert held.expired({1: ("link", minute * LEAST)}, minute * PATIENCE) == []

    def test_begins_anew_when_nothing_was_held_meanwhile(self) -> None:
        held = Unread()
        assert held.expired({1: ("link", 0)}, 0.0) == []
        assert held.expired({}, PATIENCE / 2) == []
        assert held.expired({1: ("link", 0)}, PATIENCE) == []

    def test_is_each_streams_own(self) -> None:
        held = Unread()
        held.expired({1: ("window", 0), 3: ("window", 0)}, 0.0)
        assert held.expired({1: ("window", LEAST), 3: ("window", 0)}, PATIENCE) == [3]


def _event(document: dict[str, Any]) -> bytes:
    return f"event: {document['type']}\ndata: {json.dumps(document)}\n\n".encode()


START = _event(
    {"type": "message_start",
     "message": {"id": "msg_u", "model": "m", "usage": {"input_tokens": 10, "output_tokens": 1}}}
)  # fmt: skip
PING = _event({"type": "ping", "filler": "x" * 1000})
END = _event(
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 77}}
) + _event({"type": "message_stop"})
BODY = json.dumps({"model": "m", "max_tokens": BOUND, "stream": True, "messages": []}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def _rows(inside: Inside) -> list[Exchange]:
    return [row for kind, told in inside.ledger.told if kind == "settle" for row in told]


def _connected(inside: Inside, port: int, alpn: str = "http/1.1") -> ssl.SSLSocket:
    """A tunnel to the metered host, with little room for what comes."""
    inside.deliver(Route(ANTHROPIC, port, allow_private=True, provider="claude"))
    return inside.tunnel(ANTHROPIC, port, alpn, receive=16 * 1024)


def _asks(inside: Inside, port: int) -> ssl.SSLSocket:
    """A request whose answer nobody reads."""
    tls = _connected(inside, port)
    head = f"POST /v1/messages HTTP/1.1\r\nHost: {ANTHROPIC}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    tls.sendall(head.encode() + BODY)
    return tls


def test_a_response_is_read_to_its_end_and_booked_although_the_agent_does_not_read(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of it than the buffers of the kernel take, which differ."""
    monkeypatch.setattr(unread, "AHEAD", 64 * MIB)
    answer = HEAD + START + PING * (16 * MIB // len(PING)) + END
    with (
        RawUpstream(inside.world.authority, ANTHROPIC, lambda s, _: s.sendall(answer)) as far,
        _asks(inside, far.port),
    ):
        until(lambda: bool(_rows(inside)), "the row")
        (row,) = _rows(inside)
        assert (row.completeness, row.tokens.output) == (Completeness.FINAL, 77)


def _endless(stream: socket.socket, head: bytes) -> None:
    stream.sendall(HEAD + START)
    for _ in range(64 * 1024):  # 64 MiB: more than is ever taken
        stream.sendall(PING)


def test_one_that_is_held_back_is_ended_and_booked_at_what_was_asked_for(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... whatever else the agent sends meanwhile."""
    monkeypatch.setattr(unread, "PATIENCE", 0.5)
    with (
        RawUpstream(inside.world.authority, ANTHROPIC, _endless) as far,
        _asks(inside, far.port) as tls,
    ):
        tls.sendall(b"GET /next HTTP/1.1\r\n")
        until(lambda: bool(_rows(inside)), "the row")
        (row,) = _rows(inside)
        assert (row.completeness, row.tokens.output) == (Completeness.PARTIAL, BOUND)
        assert "not read by the client" in row.note
        assert not inside.ledger.open, "the reservation is given back"


def _posted(tls: ssl.SSLSocket) -> h2.connection.H2Connection:
    """The same request over HTTP/2."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration())
    conn.initiate_connection()
    fields = {":method": "POST", ":scheme": "https", ":path": "/v1/messages"}
    conn.send_headers(1, [*fields.items(), (":authority", ANTHROPIC)])
    conn.send_data(1, BODY, end_stream=True)
    tls.sendall(conn.data_to_send())
    return conn


def test_over_http2_only_a_window_is_progress(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that reads the connection, pings, and gives its stream nothing."""
    monkeypatch.setattr(unread, "PATIENCE", 0.5)
    monkeypatch.setattr(unread, "AHEAD", MIB)
    with (
        RawUpstream(inside.world.authority, ANTHROPIC, _endless) as far,
        _connected(inside, far.port, "h2") as tls,
    ):
        conn = _posted(tls)
        with contextlib.suppress(OSError):
            while not _rows(inside):
                conn.ping(b"12345678")
                tls.sendall(conn.data_to_send())
                conn.receive_data(some(tls))
        until(lambda: bool(_rows(inside)), "the row")
        assert _rows(inside)[0].tokens.output == BOUND


def test_leaving_after_a_part_was_taken_is_no_cheaper(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the upstream wrote while it was held back may not have come yet."""
    monkeypatch.setattr(unread, "AHEAD", MIB)
    answer = HEAD + START + PING * (4 * MIB // len(PING))
    rest = threading.Event()

    def talk(stream: socket.socket, head: bytes) -> None:
        stream.sendall(answer)
        rest.wait(30)

    def holding() -> bool:
        return any(d.pressure.holding for d in list(inside.sidecar.drivers))

    with (
        RawUpstream(inside.world.authority, ANTHROPIC, talk) as far,
        _connected(inside, far.port, "h2") as tls,
    ):
        conn = _posted(tls)
        until(holding, "the hold")
        for stream_id in (None, 1):
            conn.increment_flow_control_window(16 * MIB, stream_id)
        tls.sendall(conn.data_to_send())
        taken = 0
        while holding() or taken < MIB:
            taken += len(tls.recv(65536))
        conn.reset_stream(1)
        tls.sendall(conn.data_to_send())
        until(lambda: bool(_rows(inside)), "the row")
        assert _rows(inside)[0].tokens.output == BOUND
        rest.set()


@pytest.mark.parametrize("bound", ["AHEAD", "AHEAD_ALL"])
def test_what_waits_is_bounded_for_a_connection_and_for_all(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(unread, bound, MIB)
    with (
        RawUpstream(inside.world.authority, ANTHROPIC, _endless) as far,
        _asks(inside, far.port),
    ):
        until(lambda: any(d.pressure.holding for d in list(inside.sidecar.drivers)), "the hold")
        (driver,) = inside.sidecar.drivers
        assert MIB <= driver.pressure.waiting() < 2 * MIB


def test_leaving_while_it_is_held_back_is_no_cheaper(inside: Inside) -> None:
    with (
        RawUpstream(inside.world.authority, ANTHROPIC, _endless) as far,
        _asks(inside, far.port) as tls,
    ):
        until(lambda: any(d.pressure.holding for d in list(inside.sidecar.drivers)), "the hold")
        tls.close()
        until(lambda: bool(_rows(inside)), "the row")
        assert _rows(inside)[0].tokens.output == BOUND
