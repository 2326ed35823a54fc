"""What becomes of a stream that nothing goes through: bb's own answers in place of an upstream's.

To malformed requests, to bodies over the limit or that there is no room for, and where an upstream
fails before it answered.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, cast

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http import _hooks as hooks

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.keeping import Keeping
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.refusals import GONE, Refusals, response_of, unquoted
from botbottle.sidecar.egress.upload import MAX_BODY

type Commands = Generator[commands.Command, Any, Any]

# What the parser says quotes what was sent, and advises to switch it off.
_SAID = {
    "content-length": "the Content-Length is not one number",
    "transfer-encoding": "the Transfer-Encoding is not one that passes",
    "header": "a header has a name or value that none may have",
}
_SWITCHING = 101
_STATUSES = range(200, 1000)  # of final responses; RFC 9110, 15, knows them to 599, others use more
_BODILESS = (204, 304)
_VERSIONS = ("HTTP/1.0", "HTTP/1.1")


class Answering(Keeping):
    """A stream that can be answered here."""

    @property
    def options(self) -> LayerOptions:
        return cast(LayerOptions, self.context.options)

    @property
    def over_http2(self) -> bool:
        """What the connection speaks, whatever version a request claims."""
        return self.context.client.alpn == b"h2"

    @property
    def refusals(self) -> Refusals:
        return self.options.refusals

    def handle_protocol_error(
        self, event: hevents.RequestProtocolError | hevents.ResponseProtocolError
    ) -> Commands:
        """An upstream that failed before it answered becomes a structured 502. Which side it was
        is told by the event: what parsers say of it names now one, now the other."""
        if isinstance(event, hevents.RequestProtocolError):
            event = replace(event, message=GONE)
        else:
            event = replace(event, message=unquoted(self.flow, event.message))
        if isinstance(event, hevents.ResponseProtocolError) and self.unanswered:
            self.flow.error = mflow.Error(event.message)
            yield hooks.HttpErrorHook(self.flow)
            denial = self.refusals.upstream_failed(self.flow, event.message)
            yield from self.answer(denial)
            return
        yield from super().handle_protocol_error(event)

    @property
    def unanswered(self) -> bool:
        """Whether nothing was answered yet, and still can be."""
        errored = (self.state_errored,)
        return self.flow.response is None and self.client_state not in errored

    def is_nothing(self, event: events.Event) -> bool:
        """An empty DATA frame, or one where no body can be, as HTTP/2 can send (RFC 9110, 6.4.1).
        Of what HEAD is answered the library knows."""
        if not isinstance(event, hevents.ResponseData):
            return False
        return not event.data or cast(http.Response, self.flow.response).status_code in _BODILESS

    def check_invalid(self, request: bool) -> Commands:
        """Framing that two parsers could read differently is refused."""
        problem = self._problem(request)
        if not problem:
            return False
        if request:
            denial = self.refusals.malformed(self.flow, problem)
        else:
            self.flow.response = None
            self.flow.error = mflow.Error(problem)
            yield commands.CloseConnection(self.flow.server_conn)
            yield hooks.HttpErrorHook(self.flow)
            denial = self.refusals.upstream_failed(self.flow, f"upstream-protocol: {problem}")
        yield from self.answer(denial)
        return True

    def _problem(self, request: bool) -> str:
        """What is wrong with the request, or with the response; "" where nothing is."""
        if request:
            asked, strict = self.flow.request, self.context.options.validate_inbound_headers
            if not self.over_http2 and asked.http_version not in _VERSIONS:
                return "this version of HTTP is not spoken here"
            return _said(mhttp.validate_request(self.mode, asked, strict) or "")
        response = cast(http.Response, self.flow.response)
        if response.status_code not in _STATUSES and response.status_code != _SWITCHING:
            return "the status of the response is none"
        try:
            validate_headers(response)
        except ValueError as error:
            return unquoted(self.flow, str(error))
        return ""

    def check_body_size(self, request: bool) -> Commands:
        """Requests over MAX_BODY are refused, unless they stream; responses have no limit. So is
        what there is no room for."""
        if not request or self.flow.response is not None:
            return False
        size = len(self.request_body_buf)
        if not size:
            size = expected_http_body_size(self.flow.request) or 0
        if size <= MAX_BODY and not self.crowded():
            return False
        if not self.request_body_buf:
            yield hooks.HttpRequestHeadersHook(self.flow)  # known now, so that no byte is read
            if self.flow.request.stream:
                return False
        denial = self.refusals.already(self.flow) or self.refusals.too_large(self.flow)
        yield from self.answer(denial)
        return True

    def instead(self, denial: Denial) -> Commands:
        """Answer in place of the upstream, which is told that nobody waits any more."""
        code = hevents.ErrorCode.CANCEL
        cancel = hevents.RequestProtocolError(self.stream_id, "refused", code)
        yield SendHttp(cancel, self.context.server)
        yield from self.answer(denial)

    def answer(self, denial: Denial) -> Commands:
        """Answer in place of the upstream and be done with the stream."""
        http2 = self.over_http2
        response = response_of(denial, self.refusals.request_id(self.flow), http2=http2)
        if self.client_state != self.state_done and not http2:
            response.headers["connection"] = "close"  # unread body: the framing ends here
        self.flow.response = response
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        client = self.context.client
        yield SendHttp(hevents.ResponseHeaders(self.stream_id, response), client)
        if response.raw_content:
            yield SendHttp(hevents.ResponseData(self.stream_id, response.raw_content), client)
        yield mhttp.DropStream(self.stream_id)
        yield SendHttp(hevents.ResponseEndOfMessage(self.stream_id), client)
        if response.headers.get("connection") == "close":
            yield commands.CloseTcpConnection(client, half_close=True)


def _said(problem: str) -> str:
    """A problem in words of our own."""
    text = problem.partition(":")[0].lower()
    known = (said for word, said in _SAID.items() if word in text)
    return next(known, "the request's target or framing is not valid") if problem else ""
