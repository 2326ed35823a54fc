"""Who must wait for whom, so that what is kept here is bounded whatever the peers do.

What comes from a peer goes to another one. Where that one takes it too slowly, or the request is
waiting (for its upstream, a verdict, an operator), the first one is not read any more: over
HTTP/1 the connection, over HTTP/2 only the stream, by its window. The two directions do not wait
for each other, so a peer that writes all before it reads does not stand still. A peer that makes
this side write (pings, refusals) and does not read is not read either. A metered response waits
later than others, and not for ever: see ``unread``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from mitmproxy.connection import Connection
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers.http._base import HttpConnection
from mitmproxy.proxy.layers.http._http1 import Http1Client

from botbottle.sidecar.egress import unread
from botbottle.sidecar.egress.link import Link
from botbottle.sidecar.egress.passage import passage_of
from botbottle.sidecar.egress.unread import Cost
from botbottle.sidecar.egress.upstream import WorldHttp2, bottom
from botbottle.sidecar.egress.windows import AgentHttp2, Grant

_QUEUED = 2  # events that a waiting layer may have: what was read before anyone could know


class Pressure:
    """All links of one client connection. ``http``: the layer with its requests, once known.
    ``everybody``: bytes that wait for all clients of the sidecar."""

    def __init__(
        self, client: Connection, links: Mapping[Connection, Link], everybody: Callable[[], int]
    ) -> None:
        self.http: mhttp.HttpLayer | None = None
        self._client, self._links, self._everybody = client, links, everybody
        self._held: set[Connection] = set()
        self._unread = unread.Unread()

    @property
    def holding(self) -> bool:
        """Whether a metered response waits for its reader."""
        return bool(self._held) and any(True for _ in self._holds())

    def expired(self, now: float) -> list[Cost]:
        """Metered responses that waited for their reader too long. ``now``: in seconds."""
        holds = dict(self._holds())
        taken = {stream: self._taken(stream, spend) for stream, spend in holds.items()}
        return [holds[stream] for stream in self._unread.expired(taken, now)]

    def waiting(self) -> int:
        """Bytes that wait for the client."""
        link, talks = self._links.get(self._client), self._bottom(self._client)
        kept = talks.h2_conn.kept_of_all() if isinstance(talks, AgentHttp2) else 0
        return kept + (link.waiting if link else 0)

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
        if _breathes(talks):  # it would not give windows back either
            link.read(wanted=False)
            self._held.add(connection)
            return None
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
        return bottom(found) if found is not None else None

    def _stuck(self, source: Connection, stream_id: int) -> bool:
        """Whether what comes from ``source`` for a stream would be kept here."""
        stream = self.http.streams.get(stream_id) if self.http else None
        if stream is None:
            return False
        if _waits(stream) or (stream.child_layer is not None and _waits(stream.child_layer)):
            return True
        if source is self._client and _came(stream):
            return False
        sink = stream.context.server if source is self._client else self._client
        stuck = self._slow(sink, stream_id)
        spend = _running(stream) if source is not self._client else None
        if spend is not None:
            stuck = stuck and not self._may_wait()
            spend.hold(stuck)
        return stuck

    def _slow(self, sink: Connection, stream_id: int) -> bool:
        far = self._links.get(sink)
        if far is not None and far.full:
            return True
        talks = self._bottom(sink)
        return isinstance(talks, AgentHttp2 | WorldHttp2) and talks.keeps(stream_id)

    def _may_wait(self) -> bool:
        """Whether there is room for more of a metered response that the client does not take."""
        return self.waiting() < unread.AHEAD and self._everybody() < unread.AHEAD_ALL

    def _holds(self) -> Iterator[tuple[int, Cost]]:
        for number in self._streams():
            spend = _running(self.http.streams[number]) if self.http else None
            if spend is not None and spend.held:
                yield number, spend

    def _taken(self, stream_id: int, spend: Cost) -> tuple[str, int]:
        """How far the client has come with a response: counted at its window where it gives none,
        so that whatever else it reads does not count; otherwise at its connection."""
        talks, link = self._bottom(self._client), self._links.get(self._client)
        kept = talks.h2_conn.kept(stream_id) if isinstance(talks, AgentHttp2) else 0
        return ("window", spend.passed - kept) if kept else ("link", link.taken if link else 0)


def _running(stream: layer.Layer) -> Cost | None:
    """The money side of a response that still costs, over HTTP or in a WebSocket."""
    flow = getattr(stream, "flow", None)
    passage = passage_of(flow) if flow is not None else None
    if passage is None:
        return None
    costs: tuple[Cost | None, ...] = (passage.spend, passage.socket)
    return next((cost for cost in costs if cost is not None and cost.running), None)


def _breathes(talks: layer.Layer | None) -> bool:
    """Whether a connection's layer has more to do: there is nothing else that it waits for."""
    return isinstance(talks, HttpConnection) and talks._paused is not None


def _came(stream: mhttp.HttpStream) -> bool:
    """Whether nothing more of a request comes: who sent it is read, so that its end is seen."""
    return stream.child_layer is None and stream.client_state == stream.state_done


def _waits(each: layer.Layer) -> bool:
    return each._paused is not None and len(each._paused_event_queue) >= _QUEUED
