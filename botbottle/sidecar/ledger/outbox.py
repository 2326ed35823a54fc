"""Usage on its way to disk: kept in order, sent again until the service says it is there.

A settlement is written to the connection within ``put`` itself where that is possible. So it
stands before the admission of whatever the agent asks next, however fast that comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from botbottle.ledger.records import Settled
from botbottle.model.usage import Exchange
from botbottle.sidecar.ledger import wire
from botbottle.sidecar.ledger.link import Link, Unavailable

MAX_WAITING = 5000  # exchanges; then the sidecar admits nothing more
IN_FLIGHT = 32  # settlements sent and not yet answered
REPLY_SECONDS = 10.0
RETRY_SECONDS = 0.2
PER_FRAME = 32


@dataclass(slots=True)
class _Parcel:
    lease: str
    exchanges: tuple[Exchange, ...]
    done: asyncio.Future[Settled] = field(repr=False)


class Outbox:
    """``put`` keeps and delivers; ``stop`` ends the delivering."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._later: deque[_Parcel] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._parcels = 0
        self._stopped = False
        self.waiting = 0
        self.rejected = 0  # exchanges that the service will never take

    @property
    def stuck(self) -> str:
        """Why nothing more may be admitted: what was spent is not booked; empty: it is."""
        if self.waiting >= MAX_WAITING:
            return "too much usage is waiting for the ledger"
        if self.rejected:
            return "the ledger refused usage of this bottle for good: bb audit tells which"
        return ""

    def put(self, lease: str, exchanges: Sequence[Exchange]) -> asyncio.Future[Settled]:
        """Resolved when everything is on disk; cancelling it only ends the waiting."""
        parcel = _Parcel(lease, tuple(exchanges), asyncio.get_running_loop().create_future())
        self.waiting += len(parcel.exchanges)
        self._parcels += 1
        self._idle.clear()
        self._later.append(parcel)
        self._send()
        return parcel.done

    def _send(self) -> None:
        """Begin with what waits, in order, as far as there are slots."""
        while self._later and len(self._tasks) < IN_FLIGHT and not self._stopped:
            work = self._deliver(self._later.popleft())
            task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
            if not task.done():
                self._tasks.add(task)
                task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._send()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    async def drain(self, seconds: float) -> int:
        """Wait until all is delivered; the number of exchanges that are not."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return self.waiting
        return 0

    async def _deliver(self, parcel: _Parcel) -> None:
        try:
            answer = Settled(0, 0)
            for frame in _frames(parcel):
                reply = await self._until_acknowledged(frame)
                if not reply.get("ok"):
                    self.rejected += len(frame["exchanges"])
                answer = _added(answer, reply)
            if not parcel.done.done():
                parcel.done.set_result(answer)
        finally:
            self.waiting -= len(parcel.exchanges)
            self._parcels -= 1
            if not self._parcels:
                self._idle.set()

    async def _until_acknowledged(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Send until answered. ``unavailable`` and ``flood`` mean later; any other refusal is
        final (the service has raised the alarm) and is not worth repeating."""
        while True:
            try:
                reply = await self._link.ask(frame, REPLY_SECONDS)
                if reply.get("ok") or reply.get("code") not in ("unavailable", "flood"):
                    return reply
            except Unavailable:
                pass
            except wire.BadRequest:  # no frame can hold it: nothing that the meter makes
                return {"ok": False}
            await asyncio.sleep(RETRY_SECONDS)


def _frames(parcel: _Parcel) -> list[dict[str, Any]]:
    """The parcel as frames that fit; the first one gives the lease back."""
    rows = [wire.exchange_to_wire(e) for e in parcel.exchanges]
    op = "settle" if parcel.lease else "append"
    parts = [rows[i : i + PER_FRAME] for i in range(0, len(rows), PER_FRAME)] or [[]]
    return [{"op": op, "lease": parcel.lease, "exchanges": part} for part in parts]


def _added(answer: Settled, reply: dict[str, Any]) -> Settled:
    return Settled(
        answer.recorded + int(reply.get("recorded", 0)),
        answer.duplicates + int(reply.get("duplicates", 0)),
        reply.get("room"),
        answer.crossed or bool(reply.get("crossed")),
    )
