"""Leaves out layers that have nothing left to decide: those around an open tunnel would hand every
byte through four generators without looking at it, and TLS after its handshake is the links'."""

from __future__ import annotations

from collections.abc import Mapping

from mitmproxy.connection import Connection
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as mhttp

from botbottle.sidecar.egress.channel import Channel
from botbottle.sidecar.egress.layers import Http
from botbottle.sidecar.egress.link import Link


class Shortcut:
    """For one client connection and its upstreams', all of which are in ``links``. ``inside``: the
    layers around an open tunnel are left out; ``shaken``: where TLS is established and its layer
    still there."""

    def __init__(self, client: Connection, links: Mapping[Connection, Link]) -> None:
        self._client, self._links = client, links
        self.inside = False
        self.shaken: set[Connection] = set()

    def enter(self, outer: Http | None) -> layer.Layer | None:
        """What is inside the tunnel that ``outer`` opened, once it can be talked to directly."""
        inner = outer.tunnel() if outer else None
        self.inside = inner is not None
        return inner

    def pass_tls(self, http: mhttp.HttpLayer | None) -> layer.Layer | None:
        """Let links do the TLS of shaken connections. Returns the layer that hears the client
        from now on, if that changes."""
        found = None
        if not isinstance(http, Http):
            return None
        for connection in list(self.shaken):
            link, done = self._links.get(connection), http.without_tls(connection)
            if done is None or link is None:
                continue
            self.shaken.discard(connection)
            link.secure(Channel(done))
            if connection is self._client:
                found = http
        return found
