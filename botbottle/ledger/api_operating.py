"""The ledger as those who watch and operate see it: orders, what was done, proposals, leases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from botbottle.ledger import records as r
from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import FreezeRecord, HoldRecord


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
