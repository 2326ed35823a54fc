"""What requests keep before anybody judged them is bounded too: heads, bodies that wait with their
request, bytes ahead of their turn. Counted in bytes that are kept."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from h2.events import Event, ResponseReceived, StreamReset
from h2.settings import SettingCodes
from mitmproxy.proxy.layers.http import _events as hevents

from botbottle.model.route import Route
from botbottle.sidecar.egress import room
from botbottle.sidecar.egress.agent_http1 import MAX_AHEAD
from botbottle.sidecar.egress.keeping import EVENT, STREAM, Waiting
from botbottle.sidecar.egress.windows import FIELDS
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import get
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, until
from tests.sidecar_egress.test_room import ready

MIB = 1024 * 1024
UNLISTED = "unlisted.example.net"
BLOCK = b"word " * 3200


@pytest.fixture
def small(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Inside:
    monkeypatch.setattr(room, "MAX_KEPT", 2 * MIB)
    return inside


class Client:
    """One HTTP/2 connection that begins requests and does not end them."""

    def __init__(self, inside: Inside, host: str) -> None:
        self.host, self.port = host, inside.world.tls_port
        self.tls = inside.tunnel(host, self.port)
        self.conn = ready(self.tls)
        self.seen: list[Event] = []

    def head(self, number: int, *more: tuple[str, str]) -> None:
        fields = {":method": "POST", ":scheme": "https", ":path": "/x"}
        fields[":authority"] = f"{self.host}:{self.port}"
        self.conn.send_headers(number, [*fields.items(), *more])
        self.send()

    def send(self) -> None:
        self.tls.sendall(self.conn.data_to_send())

    def look(self) -> None:
        self.seen += self.conn.receive_data(some(self.tls))
        self.send()

    def statuses(self) -> list[bytes]:
        found = [e for e in self.seen if isinstance(e, ResponseReceived)]
        return [dict(e.headers or ())[b":status"] for e in found]

    def resets(self) -> list[StreamReset]:
        return [e for e in self.seen if isinstance(e, StreamReset)]


def test_a_request_that_is_refused_by_its_head_is_answered_at_once_and_gone(inside: Inside) -> None:
    client = Client(inside, UNLISTED)
    client.head(1)
    while not client.statuses():
        client.look()
    assert client.statuses() == [b"403"]
    until(lambda: inside.sidecar.kept() == 0, "the request to be gone, while its connection lasts")
    client.head(3)
    while len(client.statuses()) < 2:
        client.look()
    assert client.statuses() == [b"403", b"403"], "the connection goes on"
    client.tls.close()


def test_one_that_may_go_on_waits_for_its_body(inside: Inside) -> None:
    client = Client(inside, EXAMPLE)
    client.head(1)
    until(lambda: inside.sidecar.kept() >= STREAM, "the request to be counted")
    client.conn.send_data(1, b"body", end_stream=True)
    client.send()
    while not client.statuses():
        client.look()
    assert client.statuses() == [b"404"] and not client.resets()
    client.tls.close()


def test_heads_count_where_a_few_bytes_stand_for_them(small: Inside) -> None:
    clients = [Client(small, EXAMPLE) for _ in range(2)]
    pad = [("x-pad", "a" * 3000)] * 8
    for number in range(1, 121, 2):
        for client in clients:
            client.head(number, *pad)
    for client in clients:
        while b"413" not in client.statuses():
            client.look()
    assert small.sidecar.kept() < 2 * MIB + 2 * room.STEP
    for client in clients:
        client.tls.close()
    until(lambda: small.sidecar.kept() == 0, "all of it to go")
    assert small.get() == 404


def test_a_head_has_a_limit_that_the_agent_is_told(inside: Inside) -> None:
    client = Client(inside, EXAMPLE)
    assert client.conn.remote_settings[SettingCodes.MAX_HEADER_LIST_SIZE] == FIELDS
    client.head(1, *[("x-pad", "a" * 1000)] * (FIELDS // 1000 + 1))
    with suppress(OSError, AssertionError):
        while True:
            client.look()
    assert not client.statuses()
    until(lambda: inside.sidecar.kept() == 0 and not inside.sidecar.drivers, "its end")


async def never(host: str, port: int) -> tuple[str, ...]:
    """An address that nobody finds."""
    await asyncio.Event().wait()
    return ()


def test_bodies_that_wait_for_their_upstream_count(
    small: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = small.world.tls_port
    small.deliver(Route(EXAMPLE, port, allow_private=True, stream_uploads=True))
    monkeypatch.setattr(small.sidecar, "addresses", never)
    client = Client(small, EXAMPLE)
    most = 0
    for number in range(1, 41, 2):
        client.head(number)
        for _ in range(10):
            with suppress(Exception):  # reset meanwhile
                client.conn.send_data(number, BLOCK)
        client.send()
        most = max(most, small.sidecar.kept())
    while not client.resets():
        client.look()
    assert MIB < max(most, small.sidecar.kept()) < 2 * MIB + 2 * room.STEP
    client.tls.close()
    until(lambda: small.sidecar.kept() == 0, "all of it to go with its connection")


@pytest.mark.parametrize(("size", "stays"), [(MAX_AHEAD // 2, True), (2 * MAX_AHEAD, False)])
def test_what_comes_before_its_turn_counts_and_is_not_much(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, size: int, stays: bool
) -> None:
    monkeypatch.setattr(inside.sidecar, "addresses", never)
    with inside.tunnel(EXAMPLE, inside.world.tls_port, "http/1.1") as tls:
        tls.sendall(get(host=f"{EXAMPLE}:{inside.world.tls_port}"))
        until(lambda: len(inside.sidecar.live) == 1, "the request to wait")
        before = inside.sidecar.kept()
        with contextlib.suppress(*(() if stays else (OSError,))):  # it may end meanwhile
            tls.sendall(get() + b"x" * size)
        if stays:
            until(lambda: inside.sidecar.kept() >= before + size, "it to be counted")
        else:
            assert ended(tls)


def ended(tls: ssl.SSLSocket) -> bool:
    try:
        return some(tls) == b""
    except (AssertionError, OSError):
        return True


def test_what_waits_is_counted_while_it_changes() -> None:
    waiting = Waiting()
    pieces: Iterable[Any] = [hevents.RequestData(1, b"x" * n) for n in (0, 1, 100)]
    for each in pieces:
        waiting.append(each)
    waiting.append(hevents.RequestEndOfMessage(1))
    assert waiting.size == 3 * EVENT + 101
    waiting.popleft()
    assert waiting.size == 2 * EVENT + 101
    waiting.clear()
    assert waiting.size == 0 and not waiting
