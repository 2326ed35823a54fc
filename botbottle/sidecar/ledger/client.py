"""The sidecar's side of the ledger service: pipelined, reconnecting, failing closed.

Asking (``admit``, ``progress``) never raises and never waits longer than its timeout: no answer
is a refusal. Telling (``settle``, ``append``) is kept and sent again until the service says it
is on disk; the service drops replays by response id, so sending twice is harmless.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct, field

from botbottle.budget.counting import CLASSES, counted
from botbottle.ledger.records import Admitted, Progress, Refusal, Settled
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.ledger import wire
from botbottle.sidecar.ledger.link import Link, Unavailable
from botbottle.sidecar.ledger.outbox import Outbox

GRACE_SECONDS = 10.0  # running requests go on so long without a ledger (within their room)
RENEW_SECONDS = 30.0  # a quiet request's lease is renewed so often
MAX_EVENTS = 200  # events that wait; more are dropped and counted


class _Running(Struct):
    """An admitted request: counted tokens it may reach without asking, what it used so far."""

    allowed: int
    count: tuple[str, ...]
    tokens: Tokens = field(default_factory=Tokens)


class LedgerClient:
    """One sidecar's connection. ``on_cut(lease, reason)`` is called when a request that has gone
    quiet has to be cut (a running one learns it from ``progress``)."""

    def __init__(
        self,
        path: str,
        *,
        timeout: float = 5.0,
        on_cut: Callable[[str, str], None] | None = None,
    ) -> None:
        self._link = Link(path)
        self._outbox = Outbox(self._link)
        self._timeout = timeout
        self._on_cut = on_cut
        self._leases: dict[str, _Running] = {}
        self._answered = time.monotonic()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_EVENTS)
        self.dropped_events = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect in the background and keep connected."""
        self._tasks = [
            asyncio.create_task(coroutine)
            for coroutine in (
                self._link.run(),
                self._send_events(),
                self._renew(),
            )
        ]

    async def close(self, *, drain: float = 2.0) -> int:
        """Send what is waiting for at most ``drain`` seconds, then hang up. Returns the number
        of exchanges that could not be delivered."""
        left = await self._outbox.drain(drain)
        self._outbox.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        return left

    @property
    def connected(self) -> bool:
        return self._link.connected

    @property
    def rejected(self) -> int:
        """Exchanges that the service will never take. From the first on nothing is admitted."""
        return self._outbox.rejected

    async def hello(self) -> Mapping[str, Any] | None:
        """Account and version of the service; None when it does not answer."""
        with suppress(Unavailable):
            return await self._ask({"op": "hello"})
        return None

    async def admit(
        self, provider: str, model: str, *, input_tokens: int, allowance: int
    ) -> Admitted | Refusal:
        """May this request be sent? ``input_tokens`` is the estimated input (0: unknown)."""
        if why := self._outbox.stuck:
            return Refusal("unavailable", why, provider)
        frame = {
            "op": "admit",
            "provider": provider,
            "model": wire.clean(model, 200),
            "input": min(input_tokens, wire.MAX_ASKED),
            "output": min(allowance, wire.MAX_TOKENS),
        }
        try:
            reply = await self._ask(frame)
        except Unavailable as error:
            return Refusal("unavailable", str(error), provider, retry_after=1.0)
        if not reply.get("ok"):
            return _refusal(reply, provider)
        known = {k: reply[k] for k in _ADMITTED if k in reply}
        admitted = Admitted(**known, count=_classes(reply))
        spare = wire.MAX_TOKENS if admitted.room is None else admitted.room
        self._leases[admitted.lease] = _Running(admitted.reserved + spare, admitted.count)
        return admitted

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        """Report all that a running request has used so far; must it be cut?"""
        if lease not in self._leases:
            return Progress(True, 0, "unknown-lease")
        running = self._leases[lease]
        running.tokens = tokens
        try:
            frame = {"op": "progress", "lease": lease, "tokens": wire.tokens_to_wire(tokens)}
            reply = await self._ask(frame)
        except (Unavailable, wire.BadRequest):
            return self._alone(running)
        if not reply.get("ok"):
            return self._alone(running)
        if reply.get("room") is not None:
            running.allowed = counted(tokens, running.count) + max(0, int(reply["room"]))
        return Progress(bool(reply["cut"]), reply.get("room"), str(reply.get("reason", "")))

    def _alone(self, running: _Running) -> Progress:
        """Without an answer: within what was last allowed, and not for long."""
        silent = time.monotonic() - self._answered > max(GRACE_SECONDS, self._timeout)
        beyond = counted(running.tokens, running.count) >= running.allowed
        return Progress(silent or beyond, None, "unavailable")

    async def settle(self, lease: str, exchanges: Sequence[Exchange]) -> Settled:
        """Book usage and give the lease back; returns when it is on disk, however long that
        takes (cancelling the wait does not cancel the booking)."""
        self._leases.pop(lease, None)
        return await self._outbox.put(lease, exchanges)

    async def append(self, exchanges: Sequence[Exchange]) -> Settled:
        """Book usage that no lease was for (polled or batch results)."""
        return await self._outbox.put("", exchanges)

    async def release(self, lease: str) -> None:
        """Give a lease back unused; if that fails it expires."""
        self._leases.pop(lease, None)
        with suppress(Unavailable):
            await self._ask({"op": "release", "lease": lease})

    async def heartbeat(self, status: Mapping[str, Any]) -> bool:
        """Whether the ledger has taken it."""
        with suppress(Unavailable, wire.BadRequest):
            return bool(
                (await self._ask({"op": "heartbeat", "status": wire.plain(status)})).get("ok")
            )
        return False

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Report a denial, finding or request; never waits, never fails."""
        try:
            self._events.put_nowait({"op": "event", "kind": kind, "data": wire.plain(data)})
        except asyncio.QueueFull:
            self.dropped_events += 1

    async def budget(self) -> list[dict[str, Any]] | None:
        """The pools that govern this bottle; None when the service does not answer."""
        with suppress(Unavailable):
            return list((await self._ask({"op": "budget"})).get("pools", []))
        return None

    async def propose(
        self, kind: str, payload: Mapping[str, Any], justification: str, *, ttl: float = 300.0
    ) -> dict[str, Any] | None:
        """Ask an operator; None: it could not be asked (treat as rejected)."""
        frame = {
            "op": "propose",
            "kind": kind,
            "payload": dict(payload),
            "justification": justification,
            "ttl": ttl,
        }
        return await self._proposal(frame)

    async def proposal(self, proposal_id: str) -> dict[str, Any] | None:
        """A proposal of this bottle as it is now."""
        return await self._proposal({"op": "proposal", "proposal": proposal_id})

    async def decision(
        self, proposal_id: str, *, seconds: float = 300.0, every: float = 0.5
    ) -> dict[str, Any] | None:
        """Wait for a decision; None or a pending one when none came in time."""
        deadline = time.monotonic() + seconds
        while True:
            found = await self.proposal(proposal_id)
            decided = found is not None and found["status"] != "pending"
            if decided or time.monotonic() + every > deadline:
                return found
            await asyncio.sleep(every)

    async def _proposal(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        with suppress(Unavailable, wire.BadRequest):
            reply = await self._ask(frame)
            return dict(reply["proposal"]) if reply.get("ok") else None
        return None

    async def _ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        reply = await self._link.ask(frame, self._timeout)
        if reply.get("code") != "unavailable":
            self._answered = time.monotonic()
        return reply

    async def _send_events(self) -> None:
        while True:
            frame = await self._events.get()
            with suppress(Unavailable, wire.BadRequest):
                await self._ask(frame)

    async def _renew(self) -> None:
        """Keep the leases of quiet requests, and cut those that have lost theirs."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            for lease, running in list(self._leases.items()):
                answer = await self.progress(lease, running.tokens)
                if answer.cut and self._on_cut is not None and lease in self._leases:
                    self._on_cut(lease, answer.reason)


_ADMITTED = ("lease", "expires", "reserved", "room", "scope", "window", "limit", "spent")
_REFUSED = ("scope", "window", "limit", "spent", "room", "retry_after", "policy")


def _classes(reply: Mapping[str, Any]) -> tuple[str, ...]:
    """What the budget counts, empty for everything: also when the service names a class that is
    not known here."""
    told = tuple(reply.get("count") or ())
    return told if set(told) < set(CLASSES) else ()


def _refusal(reply: Mapping[str, Any], provider: str) -> Refusal:
    known = {k: reply[k] for k in _REFUSED if k in reply}
    return Refusal(reply["code"], str(reply.get("message", "")), provider, **known)
