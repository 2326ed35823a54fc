"""A metered WebSocket: every frame that starts a response is admitted, every response settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from mitmproxy.websocket import WebSocketMessage

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import (
    Call,
    Conversations,
    Reason,
    Request,
    Settlement,
    WebSocketMeter,
    busy_frame,
    refusal_frame,
)
from botbottle.meter.websocket import lane_of
from botbottle.model.usage import Tokens
from botbottle.sidecar.egress.gate import Ledger, LedgerDown, worth_counting
from botbottle.sidecar.egress.shares import Share, Shares
from botbottle.sidecar.egress.waiting import (
    PATIENCE_SECONDS,
    TRANSIENT,
    Frame,
    Still,
    WaitingFrames,
    reserved,
)

NO_LEDGER = "the budget cannot be checked now; try again later"
OFF_LOOP = 256 * 1024  # bytes of a frame from which reading it leaves the event loop
CROSSED = "the budget was crossed while this response ran"
CROWDED = "too much waits on this socket already"


type Count = Callable[[bytes], Awaitable[int | None]]


class SocketSpend:
    """The money side of one socket. ``cut(frame)`` ends it after giving the agent ``frame``;
    ``count(frame)`` is the provider's count of a frame's input, None: the estimate stands.
    ``waiting``: its frames that are not admitted yet."""

    def __init__(
        self,
        ledger: Ledger,
        call: Call,
        prefix: str,
        conversations: Conversations,
        cut: Callable[[bytes], None],
        count: Count,
        waiting: WaitingFrames,
    ) -> None:
        self._ledger, self._call, self._cut_socket = ledger, call, cut
        self._count, self.waiting = count, waiting
        self._meter = WebSocketMeter(call, prefix, clock=time.time, conversations=conversations)
        self._shares = Shares()
        self._closed = False
        self.was_cut = False
        self.held = False  # the upstream waits, because the agent does not read
        self._unread = False  # it did while a response was on its way that still is
        self.passed = 0  # bytes of the provider's messages

    @property
    def running(self) -> bool:
        """Whether something is on its way whose cost is not known yet."""
        return not self._closed and self._meter.busy

    def hold(self, held: bool) -> None:
        """Whether the upstream waits from now on, because the agent does not read."""
        self.held = held
        self._unread = self._unread or held

    def holds(self, lease: str) -> bool:
        """Whether this is a lease in use."""
        return self._shares.holds(lease)

    async def client_frame(self, message: WebSocketMessage, still: Still) -> bytes | None:
        """None: the frame may go on. Otherwise it is dropped and this one is given back, if it is
        not empty. ``still()`` is asked last, however long the ledger took: may it leave?"""
        frame = await self._read(message, still)
        if frame.lane in self.waiting:
            return b"" if self.waiting.join(frame) else self._busy(frame, CROWDED)
        return await self._judge(frame)

    async def again(self, frame: Frame) -> bytes | None:
        """As ``client_frame``, of one that has waited."""
        frame.waits = False
        answer = await self._judge(frame)
        if not (frame.waits or self._closed):
            self.waiting.over(frame)
        return answer

    async def _judge(self, frame: Frame) -> bytes | None:
        if frame.admission is None:
            return None if await frame.still() else b""
        try:
            answer = await self._admit(frame)
        except LedgerDown:
            return refusal_frame(message=NO_LEDGER, stream_id=frame.lane)
        if isinstance(answer, Refusal):
            return self._refused(frame, answer)
        if not await self._leaves(frame.still, answer):
            return b""
        self._shares.add(frame.admission.request.request_id, answer)
        self._ledger.passing(answer.lease, self._meter.sent(frame.admission))
        return None

    def _refused(self, frame: Frame, answer: Refusal) -> bytes:
        """What the agent is told, if anything yet."""
        if reserved(answer) and not self._closed and self.waiting.wait(frame):
            return b""
        if answer.code in TRANSIENT:
            return self._busy(frame, answer.message, answer.retry_after)
        return refusal_frame(
            message=answer.message, retry_after=answer.retry_after, stream_id=frame.lane
        )

    def _busy(self, frame: Frame, message: str, retry_after: float | None = None) -> bytes:
        return busy_frame(
            self._call, message=message, retry_after=retry_after, stream_id=frame.lane
        )

    async def _read(self, message: WebSocketMessage, still: Still) -> Frame:
        """What a frame asks for. Nothing else reaches the meter meanwhile but the socket's end."""
        if len(message.content) < OFF_LOOP:
            return self._look(message, still)
        return await asyncio.to_thread(self._look, message, still)

    def _look(self, message: WebSocketMessage, still: Still) -> Frame:
        admission = self._meter.client_frame(message.content)
        lane = (
            admission.stream_id if admission else lane_of(message.content) if self.waiting else ""
        )
        return Frame(message, still, admission, lane, time.monotonic() + PATIENCE_SECONDS)

    async def _leaves(self, still: Still, answer: Admitted) -> bool:
        """Whether an admitted frame goes on. Nothing stays reserved for one that does not, nor
        for a socket that has closed in the meantime."""
        leaves = False
        try:
            leaves = await still() and not self._closed
        finally:
            if not leaves:
                self._give_back(answer)
        return leaves

    async def _vouch(self, request: Request) -> None:
        """Of a response that began unasked: it is admitted now, or the socket ends."""
        try:
            answer = await self._ask(request, request.input_estimate)
        except LedgerDown:
            self.cut()
            return
        if isinstance(answer, Refusal):
            self.cut(answer.message)
        elif self._closed:
            self._give_back(answer)
        else:
            self._shares.add(request.request_id, answer)

    async def _admit(self, frame: Frame) -> Admitted | Refusal:
        """As for a request over HTTP: the estimate first, then the provider's count."""
        assert frame.admission is not None  # noqa: S101 - nobody asks for what is free
        request = frame.admission.request
        answer = await self._ask(request, request.input_estimate)
        if request.prewarm or frame.counted or not worth_counting(answer):
            return answer
        try:
            counted = await self._count(frame.message.content)
        except BaseException:
            self._give_back(answer)
            raise
        if counted is None:
            return answer
        self._give_back(answer)
        frame.counted = True
        frame.admission = replace(frame.admission, request=replace(request, input_estimate=counted))
        return await self._ask(request, counted)

    async def _ask(self, request: Request, tokens_in: int) -> Admitted | Refusal:
        return await self._ledger.admit(
            self._call.provider, request.model, tokens_in=tokens_in, tokens_out=request.allowance
        )

    def _give_back(self, answer: Admitted | Refusal) -> None:
        if isinstance(answer, Admitted):
            self._ledger.release(answer.lease)

    async def server_frame(self, data: bytes) -> bool:
        """Account a frame of the provider; False: it is not passed on any more."""
        if self.was_cut:
            return False
        self.passed += len(data)
        settled = self._meter.server_frame(data)
        self._unread = self._unread and self._meter.busy
        self._settle(settled)
        for request in self._meter.unasked():
            await self._vouch(request)
        self._keep()
        await self._watch()
        return not self.was_cut

    def _keep(self) -> None:
        """For the case that this process is killed."""
        request_id, rows = self._meter.passing() or ("", [])
        if share := self._shares.get(request_id):
            self._ledger.passing(share.admitted.lease, rows)
        for own, rows in self._meter.unadmitted():
            self._ledger.passing(f"-{own}", rows)

    def close(self, reason: Reason) -> None:
        """The socket is gone. Idempotent."""
        self._closed = True
        self.waiting.close()
        if self._unread:
            reason = Reason.UNREAD
        elif self.was_cut:
            reason = Reason.CUT
        self._settle(self._meter.close(reason))
        self._keep()
        for lease in self._shares.drain():
            self._ledger.release(lease)

    def _settle(self, settled: list[Settlement]) -> None:
        for item in settled:
            lease = self._shares.pop(item.request_id)
            if item.exchanges:
                self._ledger.settle(lease, item.exchanges)
            elif lease:
                self._ledger.release(lease)
            if item.exchanges and not lease:
                self._ledger.passing(f"-{item.request_id}", [])  # kept as settled from here on

    async def _watch(self) -> None:
        """Report the response that the last frame belongs to, when it is time."""
        request_id, tokens = self._meter.current() or ("", Tokens())
        share = self._shares.get(request_id)
        if share is not None and not self._closed and self._shares.due(share, tokens):
            await self._report(share, tokens)

    async def _report(self, share: Share, tokens: Tokens) -> None:
        self._shares.reporting(share)
        used = share.used
        try:
            answer = await self._ledger.progress(share.admitted.lease, tokens)
        except LedgerDown:
            self.cut()
            return
        finally:
            share.asking = False
        if answer.room is not None:
            share.allowed = used + answer.room
        if answer.cut:
            self.cut()

    def cut(self, message: str = CROSSED) -> None:
        """End the socket: nobody vouches for what it costs any more."""
        if not (self.was_cut or self._closed):
            self.was_cut = True
            self._cut_socket(refusal_frame(message=message))
