"""One metered request from admission to settlement.

Whatever happens to the request, exactly one of settle and release reaches the ledger for its
lease, and every row reaches it the moment the meter makes it: before the bytes that carried the
terminal event are passed on.

Mid-stream the running cost is reported to the ledger whenever it grew by a step, and the stream
is cut when the ledger says so, or when it went on beyond what was last allowed without an answer.
A cut is carried out a turn of the event loop after it was decided, and decided again then.

A response that was held back (its reader did not read, so neither did we) and does not come to its
end is booked at what its request allows: the provider may have finished it, and nobody saw.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from botbottle.budget.counting import counted
from botbottle.ledger.records import Admitted
from botbottle.meter import Call, Conversations, Meter, Reason, Request, unanswered
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.gate import Ledger, LedgerDown

EXHAUSTED = "budget-exhausted"  # why the ledger ends a stream for what it has cost
STEP = 64  # tokens of growth worth a report while the pool is nearly empty
STEP_SHARE = 16  # otherwise a report each time 1/16 of the room was used
PATIENCE = 1  # chunks beyond what was allowed that may pass while the ledger is asked


def _allowed(admitted: Admitted | None) -> int | None:
    """Tokens a request may reach without asking again; None: nothing limits it."""
    if admitted is None or admitted.room is None:
        return None
    return admitted.reserved + admitted.room


class Spend:
    """The money side of one request. ``cut`` is called at most once, to stop the stream."""

    def __init__(
        self,
        ledger: Ledger,
        call: Call,
        request: Request,
        admitted: Admitted | None,
        cut: Callable[[], None],
    ) -> None:
        self._ledger, self._call, self._request = ledger, call, request
        self._lease = admitted.lease if admitted else ""
        self._allowed = _allowed(admitted)
        self._count = admitted.count if admitted else ()
        self._cut_stream = cut
        self._meter: Meter | None = None
        self._named = ("", "")
        self._sent = False
        self._over = self._closed = False  # its cost is known; nothing more will be told
        self._reported = 0  # counted tokens at the last report
        self._beyond = 0  # chunks that passed beyond what was allowed, unanswered
        self._task: asyncio.Task[None] | None = None
        self._stopping = self._lost = False
        self.was_cut = False
        self.held = False  # the upstream waits, because the agent does not read
        self._unread = False  # it did at some time: what it wrote meanwhile may never pass here
        self.passed = 0  # bytes of the response

    @property
    def running(self) -> bool:
        """Whether a response is on its way whose cost is not known yet."""
        return self._meter is not None and not (self._over or self._meter.committed)

    def holds(self, lease: str) -> bool:
        """Whether this is the lease in use."""
        return bool(lease) and lease == self._lease

    def cut(self) -> None:
        """Stop the stream unless it is over: nobody vouches for it any more."""
        self._lost = True
        self._stop()

    def hold(self, held: bool) -> None:
        """Whether the upstream waits from now on, because the agent does not read."""
        self.held = held
        if held and not self._unread:
            self._unread = True
            if self._meter is not None and self.running:
                self._owe(self._meter)

    def sending(self) -> None:
        """The request goes upstream: from now on it may cost."""
        self._sent = True
        if self._lease:
            owed = unanswered(self._call, self._request, time.time, Reason.KILLED)
            self._ledger.passing(self._lease, owed)

    def responding(
        self, status: int, headers: Mapping[str, str], conversations: Conversations
    ) -> None:
        """Response headers are there."""
        self._meter = Meter(
            self._call,
            self._request,
            status=status,
            headers=headers,
            clock=time.time,
            conversations=conversations,
        )
        if self._lease and (self._meter.committed or status >= 400):  # refused: most cost nothing
            owed = self._meter.owed(Reason.KILLED, unread=False)
            self._ledger.passing(self._lease, owed)

    def feed(self, chunk: bytes) -> None:
        """Bytes of the response, before they are passed on."""
        self.passed += len(chunk)
        if self._meter is None or self._closed:
            return
        if rows := self._meter.feed(chunk):
            self._settle(rows)
        elif self._lease:
            tokens = self._meter.running
            self._keep(self._meter, tokens)
            self._watch(self._meter, tokens)

    def _keep(self, meter: Meter, tokens: Tokens) -> None:
        """For the case that this process is killed."""
        if meter.named == self._named and not (self._unread or meter.blind):
            self._ledger.passed(self._lease, tokens)
        elif not meter.committed:
            self._named = meter.named
            self._owe(meter)

    def _owe(self, meter: Meter) -> None:
        if self._lease:
            owed = meter.owed(Reason.KILLED, unread=self._unread)
            self._ledger.passing(self._lease, owed)

    def close(self, reason: Reason) -> None:
        """The request is over, in whatever way. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._meter is not None:
            if self._unread and reason is not Reason.COMPLETE:
                reason = Reason.UNREAD
            elif self.was_cut:
                reason = Reason.CUT
            rows = self._meter.close(reason)
        elif self._sent:
            rows = unanswered(self._call, self._request, time.time, reason)
        else:
            rows = []
        self._settle(rows, last=True)

    def _settle(self, rows: list[Exchange], *, last: bool = False) -> None:
        committed = last or (self._meter is not None and self._meter.committed)
        lease = self._lease if committed else ""
        if rows:
            self._ledger.settle(lease, rows)
        elif lease:
            self._ledger.release(lease)
        if committed:
            self._lease, self._over = "", True

    def _watch(self, meter: Meter, tokens: Tokens) -> None:
        """Report growth, and cut when what is known of the pool is used up."""
        if self._allowed is None or self._stopping or self.was_cut:
            return
        total = counted(tokens, self._count)
        left = self._allowed - total
        self._beyond = self._beyond + 1 if left < 0 else 0
        if self._beyond > PATIENCE:
            self._stop()
        elif self._task is None and (
            left < 0 or total - self._reported >= max(STEP, left // STEP_SHARE)
        ):
            self._reported = total
            task = _eager(self._report(meter))
            self._task = None if task.done() else task

    async def _report(self, meter: Meter) -> None:
        tokens = meter.running
        try:
            answer = await self._ledger.progress(self._lease, tokens)
        except LedgerDown:
            self.cut()  # nobody can say that there is room left
            return
        finally:
            self._task = None
        if answer.room is not None:
            self._allowed = counted(tokens, self._count) + answer.room
        if answer.cut and answer.reason == EXHAUSTED:
            self._stop()
        elif answer.cut:
            self.cut()

    def _stop(self) -> None:
        """Cut in the loop's next turn: this one may be inside a step of the layers."""
        if not (self._stopping or self.was_cut or self._over):
            self._stopping = True
            asyncio.get_running_loop().call_soon(self._stop_now)

    def _stop_now(self) -> None:
        """What came since the decision counts: a response that is over is not cut any more, nor
        one that crossed by its estimate alone and whose final numbers fit."""
        self._stopping = False
        if self._over or (self._fits() and not self._lost):
            self._beyond = 0
            return
        self.was_cut = True
        self._cut_stream()

    def _fits(self) -> bool:
        meter, allowed = self._meter, self._allowed
        if meter is None or not meter.exact:
            return False
        return allowed is None or counted(meter.running, self._count) <= allowed


def _eager(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
