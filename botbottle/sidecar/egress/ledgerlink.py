"""Connects the gate to the ledger service through its client.

The client answers ``unavailable`` instead of raising and sends again until acknowledged; here
that becomes what the stages expect: LedgerDown, and telling without waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.app import Settings
from botbottle.sidecar.egress.gate import Cut, Ledger, LedgerDown, NoLedger
from botbottle.sidecar.egress.inflight import InFlight, Left, lease_of
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.ledger.client import LedgerClient

SOCKET = "ledger.sock"
KEPT = "in-flight"  # beside the control socket
ASK_SECONDS = 5.0


class LinkedLedger:
    """A :class:`~.gate.Ledger` over one socket of the service."""

    def __init__(self, path: str, kept: InFlight, left: Left) -> None:
        self._kept, self._left = kept, left
        self._client = LedgerClient(path, timeout=ASK_SECONDS, on_cut=self._cut)
        self._told: set[asyncio.Task[Any]] = set()
        self.on_cut: Cut = _nobody

    @property
    def ready(self) -> bool:
        """Whether the service is connected."""
        return self._client.connected

    async def start(self) -> None:
        """Connect in the background, and book what an earlier process has left."""
        await self._client.start()
        for name, rows in self._left:
            self._tell(self._settled(lease_of(name), rows, [name]))

    async def close(self) -> int:
        """Deliver what waits, for a bounded time; returns how many rows were lost."""
        return await self._client.close()

    def _cut(self, lease: str, reason: str) -> None:
        self.on_cut(lease, reason)

    async def admit(
        self, provider: str, model: str, *, tokens_in: int, tokens_out: int
    ) -> Admitted | Refusal:
        """Ask for admission."""
        answer = await self._client.admit(
            provider, model, input_tokens=tokens_in, allowance=tokens_out
        )
        if isinstance(answer, Refusal) and answer.code == "unavailable":
            raise LedgerDown(answer.message)
        return answer

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        """Report a running request."""
        return await self._client.progress(lease, tokens)

    async def ask(self, kind: str, payload: Mapping[str, Any], text: str, seconds: float) -> bool:
        """Propose and wait for the operator."""
        made = await self._client.propose(kind, payload, text, ttl=seconds)
        if made is None:
            raise LedgerDown("the proposal could not be made")
        decided = await self._client.decision(made["id"], seconds=seconds)
        return decided is not None and decided["status"] == "approved"

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        """Book rows. They are kept until the service has them."""
        if lease:
            self._kept.put(lease, exchanges)
        names = [lease] if lease else self._kept.keep(exchanges)
        self._tell(self._settled(lease, exchanges, names))

    async def _settled(
        self, lease: str, exchanges: Sequence[Exchange], names: Sequence[str]
    ) -> None:
        await self._client.settle(lease, exchanges)
        for name in names:
            self._kept.drop(name)

    def passing(self, name: str, rows: Sequence[Exchange]) -> None:
        """Keep the rows."""
        self._kept.put(name, rows)

    def passed(self, name: str, tokens: Tokens) -> None:
        """Keep the numbers."""
        self._kept.count(name, tokens)

    def release(self, lease: str) -> None:
        """Give a lease back."""
        self._kept.drop(lease)
        self._tell(self._client.release(lease))

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Report an event."""
        self._client.event(kind, data)

    def heartbeat(self, status: Mapping[str, Any]) -> None:
        """Report what is active."""
        self._tell(self._client.heartbeat(status))

    def _tell(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            self._told.add(task)
            task.add_done_callback(self._told.discard)


def _nobody(lease: str, reason: str) -> None:
    """No stream to cut yet."""


def connect(settings: Settings) -> Ledger:
    """The ledger of this bottle, or none: then nothing metered passes."""
    if settings.ledger is None:
        return NoLedger()
    return LinkedLedger(str(settings.ledger / SOCKET), *kept(settings.control / KEPT))


def kept(path: Path) -> tuple[InFlight, Left]:
    """What is in flight, and what an earlier process left. Some file systems cannot map a file:
    a sidecar works there, too, and says what a kill would cost."""
    try:
        return InFlight.open(path)
    except OSError as error:
        Log().write("error", "requests in flight are not kept", why=error.strerror)
        return InFlight.nowhere(), []
