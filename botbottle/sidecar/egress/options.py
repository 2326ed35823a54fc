"""The options that mitmproxy's protocol layers read, as plain attributes.

mitmproxy's own ``Options`` looks every access up in a typed registry; the layers ask several
times per request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mitmproxy import http

from botbottle.sidecar.egress.refusals import Refusals
from botbottle.sidecar.egress.room import Room


@dataclass(slots=True)
class LayerOptions:
    """Values for ``context.options``. The first three are how bb's own layers find their way back;
    ``sending`` is told that a request goes upstream, ``room`` is for what is kept whole."""

    refusals: Refusals = field(repr=False)
    sending: Callable[[http.HTTPFlow], None] = field(repr=False)
    room: Room = field(repr=False)
    body_size_limit: None = None  # bb's own stream layer limits request bodies
    stream_large_bodies: None = None
    store_streamed_bodies: bool = False
    connection_strategy: str = "lazy"  # nothing is connected before the request was judged
    http2_ping_keepalive: int = 58
    http_connect_send_host_header: bool = True
    keep_host_header: bool = True
    normalize_outbound_headers: bool = True
    validate_inbound_headers: bool = True
    proxyauth: None = None
    proxy_debug: bool = False
    rawtcp: bool = False  # no unknown protocol passes
    websocket: bool = True
    http2: bool = True
    http3: bool = False
