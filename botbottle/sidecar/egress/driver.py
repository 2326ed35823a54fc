"""Drives mitmproxy's sans-I/O protocol layers for one client connection.

Layers turn events into commands; this module turns bytes into events and commands into bytes.
Differences from mitmproxy's own server, all for latency: protocols instead of streams (a read
is handled in the callback that delivers it), hooks that need no waiting run inline, writes of
one step leave in one call, layers that have nothing left to decide (around an open tunnel, TLS
after its handshake) are left out.

Anything unexpected ends the connection: a layer that raised is in no state to go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Network
from typing import Any, Protocol, cast

from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import tls

from botbottle.sidecar.egress import unread
from botbottle.sidecar.egress.calls import Calls, Waiting
from botbottle.sidecar.egress.carrier import Listener
from botbottle.sidecar.egress.connecting import Opening, Resolving
from botbottle.sidecar.egress.layers import CutStream, Http
from botbottle.sidecar.egress.leaving import Leaving
from botbottle.sidecar.egress.link import AgentLink, Link
from botbottle.sidecar.egress.log import Log, described
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.pressure import Pressure
from botbottle.sidecar.egress.shortcut import Shortcut
from botbottle.sidecar.egress.stream import Stream
from botbottle.sidecar.egress.timers import Timers
from botbottle.sidecar.egress.turns import FEW, Breath, Breathed, Turns
from botbottle.sidecar.egress.windows import Grant

_REGULAR = mode_specs.ProxyMode.parse("regular")
_ESTABLISHED = (tls.TlsEstablishedClientHook, tls.TlsEstablishedServerHook)


class Owner(Resolving, Protocol):
    """What a driver needs of the sidecar."""

    drivers: set[Driver]
    log: Log
    options: LayerOptions
    turns: Turns

    def hook(self, driver: Driver, command: commands.StartHook) -> Waiting:
        """Answer a hook of mitmproxy's layers."""

    def gone(self, driver: Driver) -> None:
        """The client connection ended."""


class Driver:
    """One client connection with all upstream connections opened for it."""

    def __init__(self, sidecar: Owner, listener: Listener) -> None:
        self.sidecar = sidecar
        self.listener: Listener = listener
        self.turns = sidecar.turns
        self._loop = asyncio.get_running_loop()
        self._queue: deque[events.Event] = deque()
        self._running = False
        self._links: dict[Connection, Link] = {}
        self._opening = Opening(sidecar, lambda server: Link(self, server), self._unreached)
        self._calls = Calls(self._answer, self._answered, self._failed)
        self._timers = Timers(self._loop, self.abort, self._wake)
        self.client = Client(
            peername=("", 0), sockname=("", 0), proxy_mode=_REGULAR, state=ConnectionState.OPEN
        )
        self._leaving = Leaving(self._links, self._loop, lambda: self.pressure.http, self._cut)
        self.pressure = Pressure(self.client, self._links, self._everybody)
        self.context = Context(self.client, cast(Any, sidecar.options))
        self._layer: layer.Layer = layer.NextLayer(self.context, ask_on_start=True)
        self.closed = self._aborted = False
        self.tunnel: tuple[str, int] | None = None  # what CONNECT named
        self.outer: Http | None = None  # the layer that reads CONNECT
        self._short = Shortcut(self.client, self._links)

    def accept(self, peers: IPv4Network) -> Link:
        """The protocol of the client's connection."""
        return AgentLink(self, self.client, peers)

    def shakes_hands(self, came: int) -> bool:
        """What the client sends is TLS; ``came``: bytes of it so far. False: it is over."""
        link = self._links.get(self.client)
        return link is not None and link.shake(came)

    def opened(self, link: Link) -> None:
        """A transport is there: tell the layers."""
        connection = link.connection
        assert link.transport is not None  # noqa: S101 - set by the caller
        connection.peername = link.transport.get_extra_info("peername")
        connection.sockname = link.transport.get_extra_info("sockname")
        self._links[connection] = link
        if isinstance(connection, Client):
            self.sidecar.drivers.add(self)
            self._timers.start()
            self._leaving.start()
            self.feed(events.Start())
            return
        connection.state = ConnectionState.OPEN
        self.feed(events.OpenConnectionCompleted(self._opening.done(connection, link), None))

    def lost(self, link: Link) -> None:
        """A transport is gone."""
        self._links.pop(link.connection, None)
        self._short.shaken.discard(link.connection)
        if link.connection is self.client:
            self._finish()
        else:
            self._opening.lost(link.connection)
            self._forget(link.connection)
            self.drained()

    def _forget(self, connection: Connection) -> None:
        """An upstream connection is over, and the layers were told."""
        if isinstance(self.pressure.http, Http):
            self.pressure.http.forget(connection)

    def _finish(self) -> None:
        self.closed = True
        self.sidecar.gone(self)
        self._timers.stop()
        self._opening.cancel_all()
        self._leaving.stop()

    def abort(self) -> None:
        """End everything at once: nothing more is sent, in either direction, and what waits for
        its turn is not looked at any more."""
        self._aborted = True
        for link in list(self._links.values()):
            link.abort()

    def abort_upstream(self, connection: Connection) -> None:
        """End one upstream connection and the client's, mid-stream."""
        for each in (connection, self.client):
            if link := self._links.get(each):
                link.abort()

    def drop_upstreams(self, stale: Callable[[str, int], bool]) -> None:
        """End connections to targets that ``stale`` names; a kept one outlives no permission."""
        for connection, link in list(self._links.items()):
            address = connection.address if isinstance(connection, Server) else None
            if address is not None and stale(*address[:2]):
                link.abort()

    def kept(self) -> int:
        """Bytes that are kept here until they can be judged, or taken by an upstream."""
        http = self.pressure.http
        streams = http.streams.values() if http is not None else ()
        judged = sum(stream.kept for stream in streams if isinstance(stream, Stream))
        ahead = http.ahead if isinstance(http, Http) else 0
        return judged + ahead + self._leaving.waiting()

    def _cut(self, number: int) -> None:
        """End one stream."""
        stream = self.pressure.http.streams.get(number) if self.pressure.http else None
        if isinstance(stream, Stream):
            self.feed(CutStream(stream.flow))

    def filled(self) -> None:
        """A peer reads slowly: whoever sends to it must wait."""
        self._give(self.pressure.everywhere())

    def drained(self) -> None:
        """A peer caught up, or is gone."""
        self._give(self.pressure.again())

    def _give(self, grants: list[Grant]) -> None:
        for grant in grants:
            self.feed(grant)
        if not self.closed and self.pressure.holding:
            self._timers.check(unread.PATIENCE / 4, self._check_unread)

    def _everybody(self) -> int:
        return sum(driver.pressure.waiting() for driver in self.sidecar.drivers)

    def _check_unread(self) -> None:
        """End what is held back for a reader that does not read, whatever else the agent sends.
        A connection that is not read at all ends whole: nothing would get through it."""
        expired = self.pressure.expired(self._loop.time())
        mine = self._links.get(self.client)
        if expired and mine is not None and mine.full:
            self.abort()
            return
        for spend in expired:
            spend.cut()
        self._give([])

    def feed(self, event: events.Event) -> None:
        """Let the layers handle an event and everything that follows from it without waiting."""
        self._queue.append(event)
        if self._running:
            return
        self._running = True
        self._timers.moved()
        try:
            while self._queue:
                steps = 1
                for command in self._layer.handle_event(self._queue.popleft()):
                    self._execute(command)
                    steps += 1
                self.turns.spend(steps)
        except Exception as error:  # noqa: BLE001 - fail closed: a broken layer passes nothing on
            self.sidecar.log.write("error", "connection failed", error=described(error))
            self._queue.clear()
            self.abort()
        finally:
            self._running = False
        self._shorten()
        for link in list(self._links.values()):
            link.flush()
        if isinstance(event, events.DataReceived):
            self._give(self.pressure.look((event.connection,)))
        self.drained()

    def _shorten(self) -> None:
        """Talk past layers that have nothing left to decide."""
        short = self._short
        if self.tunnel is not None and not short.inside:
            self._layer = short.enter(self.outer) or self._layer
        if short.shaken and (self.tunnel is None or short.inside):
            self._layer = short.pass_tls(self.pressure.http) or self._layer

    def _execute(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData):
            if link := self._links.get(command.connection):
                link.write(command.data)
        elif isinstance(command, commands.StartHook):
            self._calls.call(command)
        elif isinstance(command, commands.OpenConnection):
            self._opening.begin(command)
        elif isinstance(command, commands.CloseConnection):
            self._close(command)
        elif isinstance(command, commands.RequestWakeup):
            self._timers.later(command)
        elif isinstance(command, Breath):
            self._breathe(command)
        elif not isinstance(command, commands.Log):
            raise TypeError(f"unexpected command {type(command).__name__}")

    def _breathe(self, command: Breath) -> None:
        """Go on at once, or in turn."""
        self.turns.spend(FEW)
        if self.turns.over:
            self.turns.later(partial(self._go_on, Breathed(command)))
        else:
            self.feed(Breathed(command))

    def _go_on(self, event: Breathed) -> None:
        if not self._aborted and not self.closed:
            self.feed(event)

    def _close(self, command: commands.CloseConnection) -> None:
        half = isinstance(command, commands.CloseTcpConnection) and command.half_close
        half = half and not self._short.inside  # a tunnel is closed whole, as by those around it
        if link := self._links.get(command.connection):
            if half or link.connection is self.client:
                link.close(half=half)
            else:
                self._leaving.drop(link)
        else:
            self._opening.cancel(command.connection)

    def _wake(self, command: commands.RequestWakeup) -> None:
        if not self.closed:
            self.feed(events.Wakeup(command))

    def ask(self, command: commands.StartHook) -> bool:
        """Call a hook. True: it is done; otherwise HookCompleted follows when it is."""
        return self._calls.ask(command)

    def _answer(self, command: commands.StartHook) -> Waiting:
        if isinstance(command, _ESTABLISHED):
            self._short.shaken.add(command.data.conn)
        return self.sidecar.hook(self, command)

    def _answered(self, command: commands.StartHook) -> None:
        if command.blocking:
            self.feed(events.HookCompleted(command))

    def _failed(self, reason: str) -> None:
        self.sidecar.log.write("error", "stage failed", error=reason)
        self.abort()

    def _unreached(self, command: commands.OpenConnection) -> None:
        self.feed(events.OpenConnectionCompleted(command, command.connection.error))
        self._forget(command.connection)
