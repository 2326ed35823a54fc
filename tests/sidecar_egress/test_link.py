"""A link and a peer that does not read: what TLS answers of its own is bounded, and what is written
while the transport says so comes after what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

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


class Sealing(Asked):
    """Marks in place of TLS."""

    def seal(self, data: bytes) -> bytes:
        return b"<" + data + b">"


class Reacting(Owner):
    """Does something with the link when its peer turns out to be slow."""

    def __init__(self, react: Callable[[Link], None]) -> None:
        self.react, self.link = react, cast(Link, None)

    def filled(self) -> None:
        self.react(self.link)


class Keeping(Wire):
    """Remembers what it was given."""

    def __init__(self, link: Link) -> None:
        super().__init__(link, reads=False)
        self.given = b""

    def write(self, data: Any) -> None:
        if not self.aborted:
            self.given += data
        super().write(data)

    def close(self) -> None:
        self.aborted = True


def says_more(link: Link) -> None:
    link.write(b"a window update")
    link.flush()


@pytest.mark.parametrize(
    ("react", "after"),
    [(says_more, b"<a window update>"), (Link.close, b"")],
    ids=["write", "close"],
)
def test_what_a_slow_peer_sets_off_comes_after_what_was_being_written(
    react: Callable[[Link], None], after: bytes
) -> None:
    """In between it would stand in the middle of an HTTP/2 frame, or cut it off."""
    owner = Reacting(react)
    link = owner.link = Link(
        owner, Client(peername=("", 0), sockname=("", 0), state=ConnectionState.OPEN)
    )
    wire = Keeping(link)
    link.connection_made(wire)
    link.secure(Sealing())
    body = bytes(range(256)) * 1024
    link.write(body)
    link.flush()
    assert link.full and wire.given == b"<" + body + b">" + after
