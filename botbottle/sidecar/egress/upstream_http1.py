"""HTTP/1 towards an upstream: what is sent is framed, what comes is bounded."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Client

from botbottle.sidecar.egress.lines import BadLines, Lines
from botbottle.sidecar.egress.turns import FEW, Breath, many, paced

type Commands = Generator[commands.Command, Any, Any]

_MOST = 1024 * 1024  # bytes of an upstream's lines that have no end


class WorldHttp1(Http1Client):
    """HTTP/1 towards an upstream."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.buf = Lines()

    def send(self, event: hevents.HttpEvent) -> Commands:
        """As the original, which sends a body of unknown length, as HTTP/2 has them, without any
        framing: the upstream would read it as requests that nobody matched (RFC 9112, 6.3)."""
        if isinstance(event, hevents.RequestHeaders) and not event.end_stream:
            event = replace(event, request=_framed(event.request))
        yield from super().send(event)

    def _handle_event(self, event: events.Event) -> Commands:
        """As the original, but heads, chunk heads and trailers are not kept without bound."""
        yield from super()._handle_event(event)
        if len(self.buf) > _MOST and self.state != self.passthrough:
            yield from self._refuse("a line of the response has no end")

    def _refuse(self, reason: str) -> Commands:
        """Nothing more of this connection is read."""
        self.state = self.done
        self.buf.maybe_extract_at_most(len(self.buf))
        yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            said, code = f"upstream-protocol: {reason}", hevents.ErrorCode.GENERIC_SERVER_ERROR
            yield ReceiveHttp(hevents.ResponseProtocolError(self.stream_id, said, code))

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """As the original, which takes an informational response for the answer."""
        while (yield from self._head(event)) and self.buf:
            event = events.DataReceived(self.conn, b"")

    def read_body(self, event: events.Event) -> Commands:
        """As the original, which fails where trailers follow a body: they are dropped, which a
        receiver may do (RFC 9110, 6.5.1). Nobody would have searched them."""
        if type(self.body_reader) is ChunkedReader:  # it was not asked yet
            self.body_reader = _WithoutTrailers()
        yield from super().read_body(event)

    def _head(self, event: events.ConnectionEvent) -> Generator[commands.Command, Any, bool]:
        """Read one head; whether it was informational, and is forgotten (RFC 9110, 15.2)."""
        try:
            for command in super().read_headers(event):
                if isinstance(command, ReceiveHttp) and _informational(command.event):
                    self.response = None
                    return True
                yield command
        except BadLines as bad:
            yield from self._refuse(str(bad))
        return False


class _WithoutTrailers(ChunkedReader):
    """Reads a body in chunks; at its end are no trailers."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        found = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(found, h11.EndOfMessage) else found


class PacedHttp1(WorldHttp1):
    """HTTP/1 towards an upstream, so much at a time."""

    _passed_over = 0  # informational heads, of which nobody hears

    def _handle_event(self, event: events.Event) -> Commands:
        made = super()._handle_event(event)
        yield from paced(made) if many(event) else made

    def _head(self, event: events.ConnectionEvent) -> Generator[commands.Command, Any, bool]:
        informational = yield from super()._head(event)
        if informational:
            self._passed_over += 1
            if self._passed_over % FEW == 0:
                yield Breath()
        return informational


def _informational(event: hevents.HttpEvent) -> bool:
    head = event.response if isinstance(event, hevents.ResponseHeaders) else None
    return head is not None and 100 <= head.status_code < 200 and head.status_code != 101


def _framed(request: http.Request) -> http.Request:
    """A request whose head says where its body ends. The copy is of the head alone."""
    if "content-length" in request.headers or "transfer-encoding" in request.headers:
        return request
    body, request.raw_content = request.raw_content, None
    framed = request.copy()
    request.raw_content = body
    if body is None:
        framed.headers["transfer-encoding"] = "chunked"
    else:
        framed.headers["content-length"] = str(len(body))
    return framed
