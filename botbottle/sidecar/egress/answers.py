"""The way of a response back: its head, its end, and what was held back whole.

An exception here ends a response that is already on its way: the driver sees to that.
"""

from __future__ import annotations

from mitmproxy import http

from botbottle.meter import Conversations, Reason
from botbottle.sidecar.egress import handshake
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.ending import Ending
from botbottle.sidecar.egress.heads import joined
from botbottle.sidecar.egress.inbound import InboundScan, blocked
from botbottle.sidecar.egress.passage import Passage, passage_of
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.returning import is_short, scrub_head, scrub_trailers, tee_of
from botbottle.sidecar.egress.sockets import Sockets


class Answers:
    """All responses of one sidecar."""

    def __init__(
        self, sidecar: Shared, ending: Ending, sockets: Sockets, conversations: Conversations
    ) -> None:
        self._sidecar, self._ending, self._sockets = sidecar, ending, sockets
        self._conversations = conversations

    def head(self, flow: http.HTTPFlow) -> None:
        """Prepare to stream the response through scrubber and meter."""
        passage, response = passage_of(flow), flow.response
        if passage is None or response is None or passage.denial is not None:
            return
        passage.done("upstream")
        flow.request.data.content = None  # it was sent: a flow is garbage of the slow kind
        scrubber = passage.policy.scrubber
        if scrubber:
            scrub_head(response, scrubber)
        response.headers.pop("alt-svc", None)  # HTTP/3 cannot leave: do not advertise it
        if passage.spend is not None:
            headers = joined(response.headers)
            passage.spend.responding(response.status_code, headers, self._conversations)
        if response.status_code == 401 and passage.way.auth is not None:
            self._sidecar.logins.doubt(passage.way.auth.secret)
        if response.status_code == 101:
            if passage.upgrade:
                handshake.exchange(response, *passage.keys)
            self._sockets.opened(flow, passage)
            return
        coding = response.headers.get("content-encoding", "")
        detectors = frozenset(passage.way.dlp.inbound_detectors or ())
        scan = InboundScan(passage.policy.key, detectors, coding) if detectors else None
        if scan is not None and passage.spend is None and is_short(response):
            return  # held back whole, judged in ``finished``
        response.stream = tee_of(passage.spend, scrubber, coding, scan)

    def finished(self, flow: http.HTTPFlow) -> None:
        """The whole response has passed."""
        passage = passage_of(flow)
        if passage is None or passage.denial is not None:
            return
        if self._injected(flow, passage):
            return
        if flow.response is not None and passage.policy.scrubber:
            scrub_trailers(flow.response, passage.policy.scrubber)
        if passage.spend is not None:
            passage.spend.close(Reason.COMPLETE)
        if flow.websocket is not None:
            passage.upgrade = True  # asked for or not: messages go on from here
        elif passage.socket is None:
            self._sidecar.live.pop(flow.id, None)
        self._sidecar.records.passed(flow, passage, "complete")

    def _injected(self, flow: http.HTTPFlow, passage: Passage) -> bool:
        """Judge a response that was held back whole; a refused one is replaced."""
        response = flow.response
        if response is None or response.stream or response.status_code == 101:
            return False
        detectors = frozenset(passage.way.dlp.inbound_detectors or ())
        coding = response.headers.get("content-encoding", "")
        raw = response.raw_content or b""
        found = passage.policy.scanner.scan_response((), raw, "", coding, detectors)
        self._sidecar.records.noted(passage, found)
        if not blocked(found):
            response.raw_content = passage.policy.scrubber.clean(raw)
            return False
        self._ending.deny(flow, passage, Denial("injection", "the response was refused"))
        return True
