"""The denials that the protocol layers give: what is malformed, too large, or has no upstream."""

from __future__ import annotations

import re

from mitmproxy import http

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.passage import passage_of
from botbottle.sidecar.egress.records import Records

GONE = "the agent is gone"  # of a flow: its request broke off
_QUOTE = re.compile(r"['\"`\[({<\\]")  # parsers put what a peer sent into one of these
_UPSTREAM = ("dns", "private-address", "upstream", "upstream-protocol")
_RESET = ("stream reset by client", "stream reset by the upstream")  # as said of both sides
# With these the parsers begin what they say of an upstream that breaks the protocol.
_BROKEN = ("cannot parse http response", "http/2 protocol error", "invalid http/2")


def response_of(denial: Denial, request_id: str, *, http2: bool) -> http.Response:
    """A denial as a response object. To HEAD only its head is one: a body would be read as the
    next response."""
    body = denial.body(request_id)
    fields = denial.headers(len(body))
    if http2:
        fields = tuple(f for f in fields if f[0] != b"connection")
    made = http.Response.make(denial.status, body, fields)
    if denial.method == "HEAD":
        made.raw_content = b""
    return made


def unquoted(flow: http.HTTPFlow, message: str) -> str:
    """What may be told of an upstream's failure. Parsers quote what it sent, which may repeat the
    credential; the sidecar's own words begin with a denial code."""
    if message.partition(": ")[0] in _UPSTREAM:
        return message
    text = _QUOTE.split(message, maxsplit=1)[0].removesuffix("b").rstrip(" :")
    text = text.replace(*_RESET)
    passage = passage_of(flow)
    if passage is not None and passage.active is not None:
        text = passage.active.scrubber.clean(text.encode()).decode()
    return text


class Refusals:
    """``live``: the flows in flight, from which a refused one is taken out."""

    def __init__(self, records: Records, live: dict[str, http.HTTPFlow]) -> None:
        self._records, self._live = records, live

    def malformed(self, flow: http.HTTPFlow, problem: str) -> Denial:
        """Framing or headers that cannot be trusted."""
        return self._deny(flow, Denial("bad-request", problem[:200], close=True))

    def too_large(self, flow: http.HTTPFlow) -> Denial:
        """A request body over the limit."""
        return self.refused(flow, Denial("too-large", "the request body is too large"))

    def refused(self, flow: http.HTTPFlow, denial: Denial) -> Denial:
        """A body that may not leave, whole or in part."""
        self._live.pop(flow.id, None)
        return self._deny(flow, denial)

    def upstream_failed(self, flow: http.HTTPFlow, message: str) -> Denial:
        """An upstream that could not be reached or did not answer properly."""
        code, _, rest = message.partition(": ")
        if code not in _UPSTREAM:
            code, rest = _kind(message.lower()), message
        return self._deny(flow, Denial(code, rest[:300]))

    def already(self, flow: http.HTTPFlow) -> Denial | None:
        """The denial of a request that was refused before."""
        passage = passage_of(flow)
        return passage.denial if passage else None

    def request_id(self, flow: http.HTTPFlow) -> str:
        """The id a denial carries."""
        passage = passage_of(flow)
        return passage.id if passage else ""

    def _deny(self, flow: http.HTTPFlow, denial: Denial) -> Denial:
        passage = passage_of(flow)
        if passage is not None:
            denial = passage.refused(denial, flow.request.method)
            passage.denial = denial
        self._records.denied(denial, passage)
        return denial


def _kind(message: str) -> str:
    """The code of a failure that the sidecar has no words of its own for."""
    if "certificate verify failed" in message:
        return "upstream-tls"
    return "upstream-protocol" if message.startswith(_BROKEN) else "upstream"
