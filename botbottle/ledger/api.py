"""The ledger in terms of the domain: what the rest of bb may ask of it.

``open_ledger`` (in ``botbottle.ledger``) gives the SQLite or the PostgreSQL implementation.
Every writing call is one transaction, durable when it returns; ``batch()`` joins several in
one. All calls may raise LedgerUnavailable, LedgerCorrupt (and at open LedgerTooNew). A ledger
may be used from several threads; calls are serialised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from botbottle.budget.precedence import LimitKey
from botbottle.ledger import records as r
from botbottle.model.bottle import Limit, Policy, Scope, Window
from botbottle.model.ledger_view import FreezeRecord, HoldRecord, LedgerView, Pool
from botbottle.model.usage import Exchange, Tokens

type Group = Literal["account", "agent", "bottle", "provider", "model", "day", "hour", "project"]


class Registering(Protocol):
    """Who may spend, from which pools."""

    def register(
        self,
        account: str,
        scopes: Sequence[Scope],
        *,
        mode: Literal["nearest", "all"] = "nearest",
        count: Sequence[str] = (),
        agent: str = "",
        ancestry: Sequence[str] = (),
    ) -> None:
        """Write scopes, limits and counting rules. The declared limits of each named scope are
        replaced by those given; overrides stay. Empty ``count`` counts every class."""

    def retire(self, account: str) -> None:
        """The bottle is gone: no more admission, history kept. Unknown accounts are fine."""


class Accounts(Registering, Protocol):
    """Who spends."""

    def accounts(self, *, retired: bool = False) -> tuple[r.Account, ...]: ...


class Gate(Protocol):
    """Admission and usage: called by the ledger service only."""

    def admit(
        self,
        account: str,
        provider: str,
        model: str,
        *,
        input_tokens: int,
        allowance: int,
        now: float,
    ) -> r.Admitted | r.Refusal:
        """Check and reserve in one transaction. ``input_tokens`` is the estimated input (0:
        unknown), ``allowance`` a bounded output allowance, not ``max_tokens``."""

    def progress(self, account: str, lease: str, tokens: Tokens, *, now: float) -> r.Progress: ...

    def expect(self, exchanges: Sequence[Exchange]) -> None:
        """Inside ``batch()``: these will be settled in it. They are looked up at once."""

    def settle(
        self, account: str, lease: str, exchanges: Sequence[Exchange], *, now: float
    ) -> r.Settled:
        """Store usage and give the reservation back; an empty ``lease`` only stores."""

    def release(self, account: str, lease: str) -> None: ...

    def forget_leases(self, now: float) -> int:
        """Delete reservations that expired long ago; how many."""

    def heartbeat(self, account: str, status: Mapping[str, Any], *, now: float) -> None: ...

    def record_event(
        self, account: str, kind: r.EventKind, data: Mapping[str, Any], *, now: float
    ) -> None: ...


class Budgets(Protocol):
    """Limits and what is left."""

    def view(self, now: float, limits: Collection[LimitKey] = ()) -> LedgerView:
        """The planner's consistent reading. ``limits``: of those that are none yet, too, what is
        gone already is told (``LedgerView.coming``)."""

    def account_pools(self, account: str, now: float) -> tuple[Pool, ...]:
        """The pools that govern one account, most specific first; without burn, so that it is
        cheap enough for a bottle to ask."""

    def limits(self, now: float) -> tuple[r.LimitRow, ...]: ...

    def set_limit(self, scope: str, limit: Limit, *, by: str, reason: str = "") -> None:
        """An operator's limit: wins over the declared one until cleared. Audited."""

    def clear_limit(
        self, scope: str, provider: str, window: Window, *, by: str, reason: str = ""
    ) -> bool:
        """Remove an override; whether there was one. Audited."""

    def reset(
        self, scope: str, provider: str, window: Window, *, by: str, now: float, reason: str = ""
    ) -> int:
        """Count the current window from zero again; returns the tokens forgiven. Audited."""


class Usage(Protocol):
    """What was used."""

    def usage(
        self,
        by: Sequence[Group],
        *,
        since: float | None = None,
        until: float | None = None,
        account: str = "",
        agent: str = "",
        provider: str = "",
        model: str = "",
    ) -> tuple[r.UsageRow, ...]:
        """Sums grouped ``by``, sorted by keys; whole hours (UTC). Survives retention."""

    def exchanges(
        self, *, account: str = "", before: int = 0, limit: int = 100
    ) -> tuple[r.ExchangeRow, ...]:
        """Stored exchanges, newest first; ``before`` an id to page on."""

    def scope_spent(self, scope: str, provider: str, window: Window, now: float) -> int:
        """The rollup of a scope in the current window, whatever governs (resets ignored)."""


class Recording(Protocol):
    """What was carried out, for ever."""

    def enforce(
        self,
        account: str,
        policy: Policy,
        trigger: str,
        *,
        before: str,
        after: str,
        lift: bool = False,
        by: str = "bb",
        now: float,
    ) -> bool:
        """Audit that ``policy`` was carried out (or lifted) for ``trigger`` (a hold's id, or a
        name for the budget crossing). Once for each (account, policy, trigger): False when it
        is already there. A ``kill`` for a budget stands as a hold until released."""

    def record_freeze(self, account: str, image: str, manifest_digest: str, *, now: float) -> None:
        """List a snapshot image; ``now`` in seconds since the epoch."""

    def forget_freeze(self, account: str, image: str) -> bool:
        """Take a snapshot off the list; whether it was on it."""

    def note_audit(self, action: str, subject: str, *, by: str, detail: str = "") -> None:
        """Audit something that only the caller knows, such as an approval."""


class Enforcement(Recording, Protocol):
    """Standing orders, carried-out actions and their audit."""

    def hold(
        self, account: str, policy: Policy, *, by: str, reason: str = "", now: float
    ) -> HoldRecord:
        """An operator's command; replaces an earlier one of the same bottle. Audited."""

    def release_hold(self, account: str, *, by: str, reason: str = "", now: float) -> bool:
        """Lift operator commands and kills; whether there were any. Audited."""

    def ask_resume(self, account: str, *, by: str, reason: str = "", now: float) -> bool:
        """Mark a carried-out freeze as to be lifted: the reconciler brings the bottle back and
        lifts it then. Whether the bottle is frozen. Audited once."""

    def freezes(self) -> tuple[FreezeRecord, ...]:
        """All snapshots, newest first."""

    def audit(
        self, *, account: str = "", since: float = 0.0, limit: int = 1000
    ) -> tuple[r.AuditRow, ...]:
        """Audit rows, oldest first (the last ``limit``)."""

    def verify_audit(self, head: str = "") -> r.AuditCheck:
        """Check every link; ``head`` is a hash kept from before that must still be in it."""


class Journaling(Protocol):
    """Intents and outcomes of ops. Both are durable when they return."""

    def intent(self, run: str, project: str, *, op: str, op_id: str, resource: str) -> int: ...

    def outcome(self, entry: int, outcome: str, detail: str = "") -> None: ...


class Journal(Journaling, Protocol):
    """What bb was about to do and did, and what it wanted."""

    def journal(
        self, *, project: str = "", unfinished: bool = False, limit: int = 200
    ) -> tuple[r.JournalRow, ...]: ...

    def save_generation(
        self, project: str, document: str, *, plan_digest: str, by: str, now: float
    ) -> r.Generation:
        """Keep a desired set (canonical JSON, no secrets); the same text is stored once."""

    def generations(self, project: str, *, limit: int = 50) -> tuple[r.Generation, ...]: ...

    def document(self, digest: str) -> str | None: ...


class Supervision(Protocol):
    """Proposals, events and heartbeats."""

    def pending_count(self, account: str, *, now: float) -> int:
        """Proposals of one account that still wait for a decision."""

    def propose(
        self,
        account: str,
        kind: str,
        payload: Mapping[str, Any],
        justification: str,
        *,
        now: float,
        ttl: float = 300.0,
    ) -> r.Proposal: ...

    def proposal(self, proposal_id: str, *, now: float) -> r.Proposal | None: ...

    def proposals(
        self, *, account: str = "", status: r.ProposalStatus | Literal[""] = "", now: float
    ) -> tuple[r.Proposal, ...]: ...

    def decide(
        self,
        proposal_id: str,
        approve: bool,
        *,
        by: str,
        reason: str = "",
        result: Mapping[str, Any] | None = None,
        now: float,
    ) -> r.Proposal:
        """Approve or reject; Refused when it is no longer pending. Audited."""

    def events(
        self,
        *,
        account: str = "",
        kind: r.EventKind | Literal[""] = "",
        after: int = 0,
        limit: int = 200,
    ) -> tuple[r.LedgerEvent, ...]:
        """Events with id > ``after``, oldest first; the last ``limit`` when ``after`` is 0."""

    def heartbeats(self) -> tuple[r.Heartbeat, ...]: ...


class Leases(Protocol):
    """The fenced right to enforce."""

    def acquire_lease(
        self, name: str, holder: str, *, ttl: float, now: float, info: str = ""
    ) -> r.WatchLease | None:
        """Take or renew; None while somebody else holds it."""

    def lease(self, name: str) -> r.WatchLease | None: ...

    def check_lease(self, name: str, epoch: int, *, now: float) -> bool:
        """Whether ``epoch`` is still the holder's: ask before every write."""

    def drop_lease(self, name: str, epoch: int) -> None: ...


class Upkeep(Protocol):
    """Looking after the store itself."""

    def check(self) -> r.Health: ...

    def backup(self, path: str) -> None:
        """A consistent copy (SQLite file; JSON lines from PostgreSQL), 0600, made atomically."""

    def export(self, path: str) -> int:
        """All tables as JSON lines; the number of lines."""

    def vacuum(self) -> None: ...

    def retain(self, *, before: float) -> int:
        """Delete exchange rows, events and journal older than ``before``; sums, budgets and the
        audit are kept. Returns rows deleted."""

    @property
    def password(self) -> str:
        """What the database was opened with, for the ledger service; empty when none is needed."""

    @property
    def transactions(self) -> int:
        """Write transactions that this object has begun."""

    def replaced(self) -> bool:
        """Whether another file has taken the ledger's place; nothing can be written then, and
        opening it anew is the way out."""

    def relieve(self) -> None:
        """Do now, beside everything else, what a later commit would have to wait for; called
        every few hundred transactions, by one thread at a time (any)."""

    def rekey(self, password: str) -> None:
        """The database's password is another one now: connect with it, or, when it is empty, with
        what libpq finds now. Raises LedgerUnavailable when the server refuses it; the connection
        there was is kept then."""

    def version(self) -> int:
        """Cheap: grows whenever anybody has written (compare on one Ledger object only)."""

    def revision(self) -> int:
        """Cheap: grows with every change of accounts, limits and holds (never with usage)."""

    def changed_since(self, version: int) -> bool: ...

    def batch(self) -> AbstractContextManager[None]:
        """Join the calls inside in one durable transaction; an exception undoes all."""

    def close(self) -> None: ...


class Ledger(
    Accounts, Gate, Budgets, Usage, Enforcement, Journal, Supervision, Leases, Upkeep, Protocol
):
    """Everything."""
