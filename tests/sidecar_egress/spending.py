"""One request's spending without a network or a clock: the ledger is a double that answers when a
test says so, and the event loop turns when the test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from botbottle.budget.counting import counted
from botbottle.ledger.records import Admitted, Progress
from botbottle.meter import Conversations, Reason
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.gate import LedgerDown, NoLedger
from botbottle.sidecar.egress.spend import Spend
from tests.meter.events import message_start, sse, text_delta
from tests.meter.helpers import call, request
from tests.meter.places import CLAUDE

LEASE, ROOM = "lease-1", 1_000
SSE = {"content-type": "text/event-stream"}
START = sse(message_start(input_tokens=100))
LONG = sse(text_delta("x" * 3_500))  # 1,000 tokens by the estimate
CROSSES = Progress(True, -100, "budget-exhausted")


class Book(NoLedger):
    """A ledger that keeps what it is told. ``answer`` is the next answer to a report."""

    def __init__(self, count: tuple[str, ...] = ()) -> None:
        self.count = count
        self.rows: list[Exchange] = []
        self.settled: list[str] = []
        self.released: list[str] = []
        self.reports: list[Tokens] = []
        self.answer: Callable[[Tokens], Coroutine[Any, Any, Progress]] = self.fine

    async def fine(self, tokens: Tokens) -> Progress:
        return Progress(False, ROOM - counted(tokens, self.count))

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        assert lease == LEASE, "a lease that went back is not reported on"
        self.reports.append(tokens)
        return await self.answer(tokens)

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.settled.append(lease)
        self.rows += exchanges

    def release(self, lease: str) -> None:
        self.released.append(lease)

    def says(self, progress: Progress) -> None:
        async def answer(_tokens: Tokens) -> Progress:
            return progress

        self.answer = answer

    def fails(self) -> None:
        async def answer(_tokens: Tokens) -> Progress:
            raise LedgerDown("gone")

        self.answer = answer


class Running:
    """A request whose response has begun."""

    def __init__(
        self,
        room: int = ROOM,
        reserved: int = 200,
        count: tuple[str, ...] = (),
        start: bytes = START,
    ) -> None:
        self.book, self.cuts = Book(count), 0
        where = call(CLAUDE)
        admitted = Admitted(LEASE, 0.0, reserved, room, count=count)
        self.spend = Spend(self.book, where, request(where), admitted, self.cut)
        self.spend.sending()
        self.spend.responding(200, SSE, Conversations())
        self.spend.feed(start)

    def cut(self) -> None:
        """As the pipeline does: the stream ends here, and its end is told at once."""
        self.cuts += 1
        self.spend.close(Reason.UPSTREAM_FAILED)

    def row(self) -> Exchange:
        (row,) = self.book.rows
        return row


async def turn() -> None:
    """What was put off to the loop's next turn happens."""
    await asyncio.sleep(0)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)
