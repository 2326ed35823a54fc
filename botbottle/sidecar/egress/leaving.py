"""What waits for upstreams: how much it is, and how long it may.

An upstream that does not read keeps bodies here that nobody else can use the room of. So it has to
take something every minute, as the agent has to of what costs (``unread``). And what waits for one
that nobody needs any more goes with it: closing would wait for it to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from mitmproxy.connection import Client, Connection
from mitmproxy.proxy.layers import http as mhttp

from botbottle.sidecar.egress.link import Link
from botbottle.sidecar.egress.unread import PATIENCE, Unread
from botbottle.sidecar.egress.upstream import WorldHttp2, bottom

LINGER = 10.0  # seconds in which the last bytes of a closed connection must be taken


class Leaving:
    """The upstream connections among ``links``, which are all of one agent's connection. ``http``:
    the layer that speaks with them, once known; ``cut`` ends one of its streams."""

    def __init__(
        self,
        links: Mapping[Connection, Link],
        loop: asyncio.AbstractEventLoop,
        http: Callable[[], mhttp.HttpLayer | None],
        cut: Callable[[int], None],
    ) -> None:
        self._links, self._loop, self._http, self._cut = links, loop, http, cut
        self._slow, self._shut = Unread(), Unread()
        self._watch: asyncio.TimerHandle | None = None

    def waiting(self) -> int:
        """Bytes that wait for upstreams."""
        waiting = sum(link.waiting for link in self._upstreams())
        return waiting + sum(talks.waiting() for talks in self._shared())

    def start(self) -> None:
        """See from now on how upstreams take what is sent."""
        self._watch = self._loop.call_later(PATIENCE / 4, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        full = {id(link): link for link in self._upstreams() if link.full}
        windows = {n: seen for talks in self._shared() for n, seen in talks.taken().items()}
        for number in self._slow.expired({n: ("link", full[n].taken) for n in full}, now):
            full[number].abort()
        for number in self._shut.expired(windows, now):
            self._cut(number)
        self.start()

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

    def _shared(self) -> Iterator[WorldHttp2]:
        """Connections on which each stream has a window of its own."""
        http = self._http()
        known = http.connections.items() if http is not None else ()
        talks = (bottom(outer) for each, outer in known if each.alpn == b"h2")
        return (each for each in talks if isinstance(each, WorldHttp2))
