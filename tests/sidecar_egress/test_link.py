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
from botbottle.sidecar.egress.turns import Turns

ANSWER = b"a key update's answer in a TLS record."
ASKS = 4 * OWED // len(ANSWER)


class Owner:
    """Nothing of an owner is wanted here."""

    turns = Turns(lambda work: None)

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


class Told(Owner):
    """Remembers what came, and what the connection said then."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []
        self.turns = Turns(self.due.append)
        self.came: list[bytes | str] = []

    def feed(self, event: events.Event) -> None:
        self.came.append(event.data if isinstance(event, events.DataReceived) else "end")


class Paused(Wire):
    """Says whether it is read."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def waiting() -> tuple[Told, Link, Paused]:
    """A link to which something came when it was not its turn."""
    owner = Told()
    link = Link(owner, Client(peername=("", 0), sockname=("", 0), state=ConnectionState.OPEN))
    wire = Paused(link, reads=True)
    link.connection_made(wire)
    link.data_received(b"in time")
    owner.turns.later(lambda: None)
    link.data_received(b"late")
    assert owner.came == [b"in time"] and not wire.reading
    return owner, link, wire


def test_what_came_out_of_turn_waits_for_it_and_nothing_more_is_read() -> None:
    owner, link, wire = waiting()
    link.read(wanted=True)
    assert not wire.reading, "others do not ask for more either"
    owner.due.pop(0)()
    assert owner.came == [b"in time", b"late"] and wire.reading


@pytest.mark.parametrize("end", [Link.eof_received, lambda link: link.connection_lost(None)])
def test_what_came_out_of_turn_comes_before_the_end(end: Callable[[Link], Any]) -> None:
    owner, link, _ = waiting()
    end(link)
    assert owner.came == [b"in time", b"late", "end"]
    owner.due.pop(0)()
    assert owner.came == [b"in time", b"late", "end"], "and once"


def test_nothing_that_came_is_handled_after_a_connection_was_dropped() -> None:
    owner, link, _ = waiting()
    link.abort()
    link.connection_lost(None)
    owner.due.pop(0)()
    assert owner.came == [b"in time", "end"]


def test_what_is_read_into_the_buffer_of_all_is_what_came() -> None:
    owner = Told()
    link = Link(owner, Client(peername=("", 0), sockname=("", 0), state=ConnectionState.OPEN))
    for said in (b"first", b"2nd"):
        link.get_buffer(-1)[: len(said)] = said
        link.buffer_updated(len(said))
    assert owner.came == [b"first", b"2nd"]
