"""The gate of one request: read it, ask the ledger, and with ``preflight: exact`` the provider.

The estimate is judged first, so that a refusal costs the provider nothing. Then the provider's
own count takes its place. Whatever was admitted is in ``passage.spend`` at once: every way out
of the pipeline gives it back. What waits, and how long, says ``waiting``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import Call, Conversations, Kind, Reason, Request, read_request, refusal
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.gate import LedgerDown, worth_counting
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.preflight import Outgoing, Preflight
from botbottle.sidecar.egress.spend import Spend
from botbottle.sidecar.egress.uncoded import codings
from botbottle.sidecar.egress.waiting import (
    AGAIN_SECONDS,
    MOST_WAITING,
    PATIENCE_SECONDS,
    TRANSIENT,
    reserved,
)

_OFF_LOOP = 256 * 1024  # bytes of body from which parsing leaves the event loop


def outgoing(flow: http.HTTPFlow, body: bytes) -> Outgoing:
    """What is about to leave."""
    coding = codings(flow.request.headers.get("content-encoding", ""))
    return Outgoing(flow.request.headers.fields, flow.request.path.partition("?")[2], body, coding)


class Gate:
    """Admission of all requests of one sidecar. ``cut`` ends the stream of a flow."""

    def __init__(
        self,
        sidecar: Shared,
        conversations: Conversations,
        preflight: Preflight,
        cut: Callable[[http.HTTPFlow], None],
    ) -> None:
        self._sidecar, self._cut = sidecar, cut
        self._conversations, self._preflight = conversations, preflight
        self._waiting = 0

    async def judge(self, flow: http.HTTPFlow, passage: Passage, body: bytes) -> Denial | None:
        """Admit a request, or say why not."""
        call, ledger = passage.call, self._sidecar.ledger
        if call is None or not (call.metered or call.kind is Kind.WEBSOCKET):
            return None
        if call.kind is Kind.WEBSOCKET:
            return None if ledger.ready else _no_ledger()
        leaving = outgoing(flow, body)
        request = await self._read(call, leaving, passage)
        if not call.gated:
            passage.spend = self._spend(flow, call, request, None)
            return None if ledger.ready else _no_ledger()
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            answer = await self._admit(flow, passage, call, request, until)
            if passage.policy.config.preflight == "exact" and worth_counting(answer):
                exact = self._exactly(flow, passage, call, request, leaving, until)
                answer = await exact or answer
        except LedgerDown:
            return _no_ledger()
        return _over_budget(call, answer) if isinstance(answer, Refusal) else None

    async def _admit(
        self, flow: http.HTTPFlow, passage: Passage, call: Call, request: Request, until: float
    ) -> Admitted | Refusal:
        """Ask, and keep what was admitted. ``until``: when it is not worth waiting any more."""
        answer = await self._ask(call, request)
        while reserved(answer) and self._waiting < MOST_WAITING and time.monotonic() < until:
            self._waiting += 1
            try:
                await asyncio.sleep(AGAIN_SECONDS)
            finally:
                self._waiting -= 1
            answer = await self._ask(call, request)
        if isinstance(answer, Admitted):
            passage.spend = self._spend(flow, call, request, answer)
        return answer

    async def _ask(self, call: Call, request: Request) -> Admitted | Refusal:
        return await self._sidecar.ledger.admit(
            call.provider,
            request.model,
            tokens_in=request.input_estimate,
            tokens_out=request.allowance,
        )

    async def _exactly(
        self,
        flow: http.HTTPFlow,
        passage: Passage,
        call: Call,
        request: Request,
        leaving: Outgoing,
        until: float,
    ) -> Admitted | Refusal | None:
        """Ask again with the provider's count; None when it did not count."""
        counted = await self._preflight.count(passage, call, leaving)
        if counted is None:
            return None
        if passage.spend is not None:
            passage.spend.close(Reason.CLIENT_GONE)  # nothing was sent: only the lease goes back
            passage.spend = None
        exact = replace(request, input_estimate=counted)
        return await self._admit(flow, passage, call, exact, until)

    def _spend(
        self, flow: http.HTTPFlow, call: Call, request: Request, admitted: Admitted | None
    ) -> Spend:
        return Spend(self._sidecar.ledger, call, request, admitted, lambda: self._cut(flow))

    async def _read(self, call: Call, leaving: Outgoing, passage: Passage) -> Request:
        arguments = (call, leaving.body, leaving.coding, passage.id, self._conversations)
        if (
            len(leaving.body) < _OFF_LOOP and not leaving.coding
        ):  # a few bytes may decode to millions
            return read_request(*arguments)
        return await asyncio.to_thread(read_request, *arguments)


def _no_ledger() -> Denial:
    return Denial("no-ledger", "the budget cannot be checked now")


def _over_budget(call: Call, answer: Refusal) -> Denial:
    transient = answer.code in TRANSIENT
    said = refusal(
        call, message=answer.message, retry_after=answer.retry_after, transient=transient
    )
    code = "held" if answer.code == "held" else "budget"
    return Denial(code, answer.message, response=(said.status, said.headers, said.body))
