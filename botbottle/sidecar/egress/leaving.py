"""What waits for upstreams: how much it is, and how long it may.

An upstream that does not read keeps bodies here that nobody else can use the room of. So it has to
take something every minute, as the agent has to of what costs (``unread``). And what waits for one
that nobody needs any more goes with it: closing would wait for it to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from mitmproxy.connection import Client, Connection
from mitmproxy.proxy.layers import http as mhttp

from botbottle.sidecar.egress.link import Link
from botbottle.sidecar.egress.unread import PATIENCE, Unread
from botbottle.sidecar.egress.windows import WorldHttp2, bottom

LINGER = 10.0  # seconds in which the last bytes of a closed connection must be taken


class Leaving:
    """The upstream connections among ``links``, which are all of one agent's connection."""

    def __init__(self, links: Mapping[Connection, Link], loop: asyncio.AbstractEventLoop) -> None:
        self._links, self._loop = links, loop
        self._slow = Unread()
        self._watch: asyncio.TimerHandle | None = None

    def waiting(self, http: mhttp.HttpLayer | None) -> int:
        """Bytes that wait for upstreams. ``http``: the layer that speaks with them."""
        waiting = sum(link.waiting for link in self._upstreams())
        for connection, outer in http.connections.items() if http is not None else ():
            if connection.alpn == b"h2" and isinstance(talks := bottom(outer), WorldHttp2):
                waiting += talks.waiting()
        return waiting

    def filled(self) -> None:
        """A peer reads slowly: if it is an upstream, see how it goes on."""
        if self._watch is None and any(link.full for link in self._upstreams()):
            self._watch = self._loop.call_later(PATIENCE / 4, self._look)

    def _look(self) -> None:
        self._watch = None
        full = {id(link): link for link in self._upstreams() if link.full}
        taken = {number: ("link", link.taken) for number, link in full.items()}
        for number in self._slow.expired(taken, self._loop.time()):
            full[number].abort()
        self.filled()

    def drop(self, link: Link) -> None:
        """Nobody needs an upstream connection any more."""
        if link.full:
            link.abort()
            return
        link.close()
        if link.waiting:
            self._loop.call_later(LINGER, link.abort)

    def stop(self) -> None:
        """The agent's connection is over: so are these."""
        if self._watch is not None:
            self._watch.cancel()
        for link in list(self._upstreams()):
            self.drop(link)

    def _upstreams(self) -> Iterator[Link]:
        return (link for each, link in self._links.items() if not isinstance(each, Client))
