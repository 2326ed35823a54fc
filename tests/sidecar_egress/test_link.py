"""What TLS answers of its own is bounded for a peer that asks and does not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import events

from botbottle.sidecar.egress.channel import Channel
from botbottle.sidecar.egress.link import OWED, Link

ANSWER = b"a key update's answer in a TLS record."
ASKS = 4 * OWED // len(ANSWER)


class Owner:
    """Nothing of an owner is wanted here."""

    def opened(self, link: Link) -> None: ...
    def lost(self, link: Link) -> None: ...
    def feed(self, event: events.Event) -> None: ...
    def filled(self) -> None: ...
    def drained(self) -> None: ...


class Asked(Channel):
    """TLS to which nothing comes but questions of its own."""

    ended = False

    def __init__(self) -> None:
        """Without a connection."""

    def open(self, data: bytes) -> bytes:
        return b""

    def owed(self) -> bytes:
        return ANSWER


class Wire(asyncio.Transport):
    """Keeps what is written until its peer reads, and says so as the real one does."""

    HIGH = 64 * 1024

    def __init__(self, link: Link, *, reads: bool) -> None:
        super().__init__()
        self._link, self._reads = link, reads
        self.kept, self.aborted = 0, False

    def write(self, data: Any) -> None:
        self.kept = 0 if self._reads else self.kept + len(data)
        if self.kept > self.HIGH and not self._link.full:
            self._link.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.kept

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("reads", [True, False])
def test_a_peer_that_asks_for_new_keys_without_end(reads: bool) -> None:
    client = Client(peername=("", 0), sockname=("", 0), state=ConnectionState.OPEN)
    link = Link(Owner(), client)
    wire = Wire(link, reads=reads)
    link.connection_made(wire)
    link.secure(Asked())
    for _ in range(ASKS):
        if not wire.aborted:
            link.data_received(b"?")
    assert wire.aborted is not reads
    assert wire.kept <= Wire.HIGH + OWED + 2 * len(ANSWER)
