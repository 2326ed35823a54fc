"""Who must wait for whom, so that what is kept here is bounded whatever the peers do.

What comes from a peer goes to another one. Where that one takes it too slowly, or the request is
waiting (for its upstream, a verdict, an operator), the first one is not read any more: over
HTTP/1 the connection, over HTTP/2 only the stream, by its window. The two directions do not wait
for each other, so a peer that writes all before it reads does not stand still. A peer that makes
this side write (pings, refusals) and does not read is not read either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mitmproxy.connection import Connection
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers.http._http1 import Http1Client

from botbottle.sidecar.egress.link import Link
from botbottle.sidecar.egress.windows import AgentHttp2, Grant, WorldHttp2

_QUEUED = 2  # events that a waiting layer may have: what was read before anyone could know


class Pressure:
    """All links of one client connection. ``http``: the layer with its requests, once known."""

    def __init__(self, client: Connection, links: Mapping[Connection, Link]) -> None:
        self.http: mhttp.HttpLayer | None = None
        self._client, self._links = client, links
        self._held: set[Connection] = set()

    def everywhere(self) -> list[Grant]:
        """A link became full: look at all."""
        return self.look(tuple(self._links))

    def again(self) -> list[Grant]:
        """Something moved: look at those that wait."""
        return self.look(tuple(self._held)) if self._held else []

    def look(self, connections: Iterable[Connection]) -> list[Grant]:
        """Stop or resume these; returns the windows to give back."""
        return [grant for each in connections if (grant := self._look(each)) is not None]

    def _look(self, connection: Connection) -> Grant | None:
        link = self._links.get(connection)
        if link is None:
            self._held.discard(connection)
            return None
        talks = self._bottom(connection)
        grant, waits = None, False
        if isinstance(talks, AgentHttp2 | WorldHttp2):
            due = talks.h2_conn.due()
            free = tuple(s for s in due if not self._stuck(connection, talks.outside(s)))
            grant = Grant(connection, free) if free else None
            stop, waits = link.glutted, len(free) < len(due)
        elif connection is self._client:
            stop = link.glutted or any(self._stuck(connection, s) for s in self._streams())
        else:
            number = (isinstance(talks, Http1Client) and talks.stream_id) or 0
            stop = self._stuck(connection, number) or (link.glutted and self._upgraded(number))
        link.read(wanted=not stop)
        (self._held.add if stop or waits else self._held.discard)(connection)
        return grant

    def _streams(self) -> tuple[int, ...]:
        return tuple(self.http.streams) if self.http else ()

    def _upgraded(self, stream_id: int) -> bool:
        """Whether a stream is a WebSocket, where what is read may ask for an answer."""
        stream = self.http.streams.get(stream_id) if self.http else None
        return stream is not None and stream.child_layer is not None

    def _bottom(self, connection: Connection) -> layer.Layer | None:
        """The layer that speaks HTTP on a connection."""
        found = self.http.connections.get(connection) if self.http else None
        while (below := getattr(found, "child_layer", None)) is not None:
            found = below
        return found

    def _stuck(self, source: Connection, stream_id: int) -> bool:
        """Whether what comes from ``source`` for a stream would be kept here."""
        stream = self.http.streams.get(stream_id) if self.http else None
        if stream is None:
            return False
        if _waits(stream) or (stream.child_layer is not None and _waits(stream.child_layer)):
            return True
        sink = stream.context.server if source is self._client else self._client
        far = self._links.get(sink)
        if far is not None and far.full:
            return True
        talks = self._bottom(sink)
        return isinstance(talks, AgentHttp2 | WorldHttp2) and talks.keeps(stream_id)


def _waits(each: layer.Layer) -> bool:
    return each._paused is not None and len(each._paused_event_queue) >= _QUEUED
