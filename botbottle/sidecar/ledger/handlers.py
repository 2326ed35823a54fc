"""One request of one account → one reply. Runs inside the batch's transaction.

Everything is validated before the ledger is touched, so a refused request leaves no trace but
its alarm. ``Refuse`` carries a reply that is not ok.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from msgspec import Struct

from botbottle import __version__
from botbottle.ledger.api import Ledger
from botbottle.ledger.records import EventKind, Proposal
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.ledger import wire
from botbottle.sidecar.ledger.frames import Arguments
from botbottle.sidecar.ledger.rates import Allowance, Rates

# What goes into a reply: a mapping, or a record of the ledger's (a ``Refusal`` is not ok).
type Reply = Any
ESTIMATED = Completeness.ESTIMATED
KINDS = ("denial", "finding", "request")
MAX_TTL = 86400.0  # seconds a proposal may wait


class Refuse(Exception):
    """The request is refused; ``alarm``: no honest sidecar asks that."""

    def __init__(self, code: str, message: str, *, alarm: bool = False, after: float = 0) -> None:
        super().__init__(message)
        self.code = code
        self.alarm = alarm
        self.retry_after = after


class Caller(Struct):
    """Who asks: the account whose socket it is, and what it may still ask."""

    account: str
    allowance: Allowance


class Now(Struct, frozen=True):
    """Both clocks at the time of the batch: epoch seconds, and monotonic for rates."""

    wall: float
    tick: float


class Handlers:
    """All operations."""

    def __init__(self, ledger: Ledger, rates: Rates) -> None:
        self._ledger = ledger
        self._rates = rates
        self._frequent: Mapping[str, Callable[..., Reply]] = {
            "admit": self._admit,
            "progress": self._progress,
            "settle": self._settle,
        }
        self._ops: Mapping[str, Callable[[Caller, dict[str, Any], Now], Reply]] = {
            "hello": self._hello,
            "admit": self._read_admit,
            "progress": self._read_progress,
            "settle": self._read_settle,
            "append": self._read_append,
            "release": self._release,
            "heartbeat": self._heartbeat,
            "event": self._event,
            "budget": self._budget,
            "propose": self._propose,
            "proposal": self._proposal,
        }

    def handle(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        """The reply's own fields. Raises Refuse, BadRequest, LedgerError."""
        op = self._ops.get(frame["op"])
        if op is None:
            raise Refuse("bad-request", "unknown operation", alarm=True)
        _once_more(caller, now)
        return op(caller, frame, now)

    def frequent(self, caller: Caller, op: str, arguments: Arguments, now: Now) -> Reply:
        """The same for what ``frames`` has read."""
        _once_more(caller, now)
        return self._frequent[op](caller, now, *arguments)

    def _hello(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        return {"account": caller.account, "version": __version__}

    def _read_admit(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        provider, model = wire.name(frame, "provider"), wire.text(frame, "model", 200)
        amounts = wire.amount(frame, "input", wire.MAX_ASKED), wire.amount(frame, "output")
        return self._admit(caller, now, provider, model, *amounts)

    def _admit(
        self, caller: Caller, now: Now, provider: str, model: str, asked: int, allowance: int
    ) -> Reply:
        _name(caller, provider)
        return self._ledger.admit(
            caller.account, provider, model, input_tokens=asked, allowance=allowance, now=now.wall
        )

    def _read_progress(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        return self._progress(caller, now, wire.lease(frame), wire.tokens(frame))

    def _progress(self, caller: Caller, now: Now, lease: str, tokens: Tokens) -> Reply:
        return self._ledger.progress(caller.account, lease, tokens, now=now.wall)

    def _read_settle(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        return self._settle(caller, now, wire.lease(frame), wire.exchanges(frame, now.wall))

    def _settle(
        self, caller: Caller, now: Now, lease: str, exchanges: tuple[Exchange, ...]
    ) -> Reply:
        for exchange in exchanges:
            _name(caller, exchange.provider)
        allowance, count = caller.allowance, len(exchanges)
        if not (allowance.rows.take(count, now.tick) and allowance.kept.take(count, now.tick)):
            raise Refuse("flood", "too many exchanges", alarm=True, after=1.0)
        settled = self._ledger.settle(caller.account, lease, exchanges, now=now.wall)
        if settled.recorded and (guessed := [e for e in exchanges if e.completeness is ESTIMATED]):
            self._tell_guessed(caller, guessed, now)
        return settled

    def _tell_guessed(self, caller: Caller, exchanges: list[Exchange], now: Now) -> None:
        """Nobody could read what these cost: an operator should know that a budget rests on it."""
        for e in exchanges:
            if caller.allowance.warns(f"{e.provider} {e.note}", now.tick):
                data = {"code": "estimated", "source": "ledger-service", "provider": e.provider,
                        "host": e.host, "model": e.model,
                        "message": f"usage could only be estimated: {e.note}"}  # fmt: skip
                self._ledger.record_event(caller.account, "alarm", data, now=now.wall)

    def _read_append(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        return self._settle(caller, now, "", wire.exchanges(frame, now.wall))

    def _release(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        self._ledger.release(caller.account, wire.lease(frame))
        return {}

    def _heartbeat(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        status = wire.mapping(frame, "status")
        if not caller.allowance.heartbeats.take(1, now.tick):
            raise Refuse("flood", "too many heartbeats", after=5.0)
        self._ledger.heartbeat(caller.account, status, now=now.wall)
        return {}

    def _event(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        kind, data = frame.get("kind"), wire.mapping(frame, "data")
        if kind not in KINDS:
            raise Refuse("bad-request", "kind: unknown", alarm=True)
        if not caller.allowance.events.take(1, now.tick):
            raise Refuse("flood", "too many events", after=1.0)
        self._ledger.record_event(caller.account, cast(EventKind, kind), data, now=now.wall)
        return {}

    def _budget(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        if not caller.allowance.readings.take(1, now.tick):
            raise Refuse("flood", "too many readings", after=1.0)
        pools = self._ledger.account_pools(caller.account, now.wall)
        return {"pools": pools}

    def _propose(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        kind, payload = wire.name(frame, "kind"), wire.mapping(frame, "payload")
        why, ttl = wire.prose(frame, "justification", 4000), frame.get("ttl", 300.0)
        if not isinstance(ttl, int | float) or not 0 < ttl <= MAX_TTL:
            raise Refuse("bad-request", "ttl: not a time to wait", alarm=True)
        waiting = self._ledger.pending_count(caller.account, now=now.wall)
        if waiting >= self._rates.pending_proposals or not caller.allowance.proposals.take(
            1, now.tick
        ):
            raise Refuse("flood", "too many proposals are waiting", after=30.0)
        made = self._ledger.propose(
            caller.account, kind, payload, why, now=now.wall, ttl=float(ttl)
        )
        return {"proposal": _shown(made)}

    def _proposal(self, caller: Caller, frame: dict[str, Any], now: Now) -> Reply:
        """A bottle sees its own proposals only."""
        found = self._ledger.proposal(wire.text(frame, "proposal", 64), now=now.wall)
        if found is None or found.account != caller.account:
            raise Refuse("unknown-proposal", "no such proposal")
        return {"proposal": _shown(found)}


def _once_more(caller: Caller, now: Now) -> None:
    if not caller.allowance.requests.take(1, now.tick):
        raise Refuse("flood", "too many requests", alarm=True, after=1.0)


def _name(caller: Caller, provider: str) -> None:
    if not caller.allowance.name(provider):
        raise Refuse("flood", "too many providers", alarm=True)


def _shown(proposal: Proposal) -> Mapping[str, Any]:
    return {
        "id": proposal.id,
        "kind": proposal.kind,
        "status": proposal.status,
        "expires": proposal.expires_at,
        "reason": proposal.reason,
        "result": dict(proposal.result),
    }
