"""The way of a response back: its head, its end, and what was held back whole.

An exception here ends a response that is already on its way: the driver sees to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from mitmproxy import flow as mflow
from mitmproxy import http

from botbottle.meter import Conversations, Reason
from botbottle.meter.decode import Undecodable
from botbottle.sidecar.egress import handshake, held, parts, uncoded
from botbottle.sidecar.egress.beginning import UNREADABLE
from botbottle.sidecar.egress.denial import DENIED
from botbottle.sidecar.egress.ending import Ending
from botbottle.sidecar.egress.heads import joined
from botbottle.sidecar.egress.inbound import InboundScan
from botbottle.sidecar.egress.passage import Passage, passage_of
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.returning import (
    Tee,
    coding_of,
    is_short,
    messages_of,
    scrub_head,
    scrub_trailers,
    tee_of,
)
from botbottle.sidecar.egress.scan import OFF_LOOP
from botbottle.sidecar.egress.sockets import Sockets

NO_CONTENT = 204


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
        response.headers.pop(DENIED, None)  # that is said here alone
        if response.status_code == NO_CONTENT:
            response.headers.pop("content-length", None)  # some would wait for a body
        if parts.withheld(passage.way.auth):
            response.headers.pop(parts.OFFER, None)
        if not coding_of(response):
            response.headers.pop("content-encoding", None)  # no word that some take for a coding
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
        detectors = _detectors(passage)
        if detectors and passage.spend is None and is_short(response):
            return  # held back whole, judged in ``finished``
        try:
            response.stream = _way_back(flow.request, response, passage, detectors)
        except Undecodable:
            response.stream = UNREADABLE

    def finished(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """The whole response is here, or has passed."""
        passage, response = passage_of(flow), flow.response
        if passage is None or passage.denial is not None:
            return None
        if response is None or response.stream or response.status_code == 101:
            self._over(flow, passage)
            return None
        raw, coding = response.raw_content or b"", coding_of(response)
        work = partial(held.judge, passage.policy, _detectors(passage), coding, raw)
        if len(raw) < OFF_LOOP and not (raw and coding):
            self._release(flow, passage, work())
            return None
        return self._aside(flow, passage, work)

    async def _aside(
        self, flow: http.HTTPFlow, passage: Passage, work: Callable[[], held.Judged]
    ) -> None:
        judged = await asyncio.to_thread(work)
        if passage.driver.closed or flow.id not in self._sidecar.live:
            flow.error = mflow.Error(mflow.Error.KILLED_MESSAGE)  # cut meanwhile: nothing passes
        else:
            self._release(flow, passage, judged)

    def _release(self, flow: http.HTTPFlow, passage: Passage, judged: held.Judged) -> None:
        """Pass on what was held back whole; what is refused is replaced."""
        self._sidecar.records.noted(passage, judged.found)
        if judged.denial is not None:
            self._ending.deny(flow, passage, judged.denial)
        elif flow.response is not None:
            flow.response.raw_content = judged.body
            self._over(flow, passage)

    def _over(self, flow: http.HTTPFlow, passage: Passage) -> None:
        if flow.response is not None and passage.policy.scrubber:
            scrub_trailers(flow.response, passage.policy.scrubber)
        if passage.spend is not None:
            passage.spend.close(Reason.COMPLETE)
        if flow.websocket is not None:
            passage.upgrade = True  # asked for or not: messages go on from here
        elif passage.socket is None:
            self._sidecar.live.pop(flow.id, None)
        self._sidecar.records.passed(flow, passage, "complete")


def _detectors(passage: Passage) -> frozenset[str]:
    return frozenset(passage.way.dlp.inbound_detectors or ())


def _way_back(
    request: http.Request, response: http.Response, passage: Passage, detectors: frozenset[str]
) -> bool | Tee:
    """What a response that is not held back passes through. Raises Undecodable."""
    coding = coding_of(response)
    scan = InboundScan(passage.policy.key, detectors, coding) if detectors else None
    undo = bool(coding) and uncoded.travels(passage.way.auth)
    messages, scrubber = messages_of(response), passage.policy.scrubber
    made = tee_of(
        passage.spend, scrubber, coding, scan, messages, undo=undo, short=is_short(response)
    )
    if undo:
        uncoded.announce(request, response)
    return made
