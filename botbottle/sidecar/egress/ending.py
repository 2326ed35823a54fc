"""How a request ends other than by its response: refused, broken off, cut."""

from __future__ import annotations

from mitmproxy import http

from botbottle.meter import Reason
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.layers import CutStream
from botbottle.sidecar.egress.passage import Passage, passage_of
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.refusals import GONE, response_of
from botbottle.sidecar.egress.stream import JudgeAnew


class Ending:
    """All endings of one sidecar's requests. Whatever was admitted is settled or given back."""

    def __init__(self, sidecar: Shared) -> None:
        self._sidecar = sidecar

    def deny(self, flow: http.HTTPFlow, passage: Passage, denial: Denial) -> None:
        """Answer with a denial; whatever was admitted is given back."""
        denial = self._denied(flow, passage, denial)
        flow.response = response_of(denial, passage.id, http2=flow.request.is_http2)

    def refuse(self, flow: http.HTTPFlow, passage: Passage, denial: Denial) -> None:
        """The same for a request that waits, for whatever."""
        if not passage.driver.closed:
            passage.driver.feed(CutStream(flow, self._denied(flow, passage, denial)))

    def judge_anew(self, flow: http.HTTPFlow, passage: Passage) -> None:
        """Have a request that was judged, and waits for its upstream, judged once more."""
        if not passage.driver.closed:
            passage.driver.feed(JudgeAnew(flow))

    def _denied(self, flow: http.HTTPFlow, passage: Passage, denial: Denial) -> Denial:
        passage.denial = denial = passage.refused(denial, flow.request.method)
        self._sidecar.records.denied(denial, passage)
        if passage.spend is not None:
            passage.spend.close(Reason.CLIENT_GONE)
        self._sidecar.live.pop(flow.id, None)
        return denial

    def failed(self, flow: http.HTTPFlow) -> None:
        """The exchange broke off, on whichever side."""
        gone = flow.error is not None and flow.error.msg == GONE
        self.end(flow, Reason.CLIENT_GONE if gone else Reason.UPSTREAM_FAILED)

    def end(self, flow: http.HTTPFlow, reason: Reason) -> None:
        """Settle whatever is open for a flow. Idempotent."""
        self._sidecar.live.pop(flow.id, None)
        flow.request.data.content = None
        passage = passage_of(flow)
        if passage is None:
            return
        if passage.spend is not None:
            passage.spend.close(reason)
        if passage.socket is not None:
            passage.socket.close(reason)
        if passage.denial is None:
            self._sidecar.records.passed(flow, passage, reason.value)

    def cut(self, flow: http.HTTPFlow) -> None:
        """End a stream in flight now, on both sides."""
        passage = passage_of(flow)
        if passage is None or passage.driver.closed:
            return
        where = passage.where
        data = {"id": passage.id, "method": where.method, "port": where.port}
        data |= self._sidecar.records.place(passage, where.host, where.path)
        self._sidecar.log.write("block", "cut", **data)
        if flow.websocket is not None:
            passage.driver.abort()
        else:
            passage.driver.feed(CutStream(flow))
