"""Proposals that wait for an operator, events, and signs of life."""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal

from botbottle import errors
from botbottle.ledger.base import Part, dump, load
from botbottle.ledger.db import Row
from botbottle.ledger.records import EventKind, Heartbeat, LedgerEvent, Proposal, ProposalStatus

KEPT_EVENTS = 20_000  # of each account; older ones go
PRUNE_EVERY = 500
KEPT_PROPOSALS = 200  # of each account that nobody decided; older ones go when their time is over

_PROPOSAL = (
    "SELECT id, account, kind, payload, justification, status, created_at, expires_at,"
    " decided_at, by_whom, reason, result FROM proposal"
)


class Supervision(Part):
    """See ``api.Supervision``."""

    def propose(
        self,
        account: str,
        kind: str,
        payload: Mapping[str, Any],
        justification: str,
        *,
        now: float,
        ttl: float = 300.0,
    ) -> Proposal:
        made = Proposal(
            secrets.token_hex(6), account, kind, dict(payload), justification, "pending", now,
            now + ttl,
        )  # fmt: skip
        with self.db.write():
            self.db.run(
                "INSERT INTO proposal (id, account, kind, payload, justification, status,"
                " created_at, expires_at, by_whom, reason, result)"
                " VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, '', '', '{}')",
                made.id,
                account,
                kind,
                dump(payload),
                justification,
                now,
                made.expires_at,
            )
            self._prune_proposals(account, now)
        return made

    def _prune_proposals(self, account: str, now: float) -> None:
        """What an operator has decided stays; an agent can make any number that none does."""
        oldest = self.db.value(
            "SELECT created_at FROM proposal WHERE account = ? AND status = 'pending'"
            " ORDER BY created_at DESC LIMIT 1 OFFSET ?",
            account,
            KEPT_PROPOSALS,
        )
        if oldest is not None:
            self.db.run(
                "DELETE FROM proposal WHERE account = ? AND status = 'pending'"
                " AND created_at <= ? AND expires_at <= ?",
                account,
                oldest,
                now,
            )

    def proposal(self, proposal_id: str, *, now: float) -> Proposal | None:
        row = self.db.one(f"{_PROPOSAL} WHERE id = ?", proposal_id)
        return None if row is None else _proposal(row, now)

    def proposals(
        self, *, account: str = "", status: ProposalStatus | Literal[""] = "", now: float
    ) -> tuple[Proposal, ...]:
        """Oldest first."""
        rows = self.db.query(
            f"{_PROPOSAL} WHERE (? = '' OR account = ?) ORDER BY created_at, id", account, account
        )
        found = (_proposal(row, now) for row in rows)
        return tuple(p for p in found if not status or p.status == status)

    def pending_count(self, account: str, *, now: float) -> int:
        """Proposals of one account that still wait."""
        sql = (
            "SELECT count(*) FROM proposal"
            " WHERE account = ? AND status = 'pending' AND expires_at > ?"
        )
        return int(self.db.value(sql, account, now))

    def decide(
        self,
        proposal_id: str,
        approve: bool,
        *,
        by: str,
        reason: str = "",
        result: Mapping[str, Any] | None = None,
        now: float,
    ) -> Proposal:
        status: ProposalStatus = "approved" if approve else "rejected"
        with self.db.write():
            touched = self.db.run(
                "UPDATE proposal SET status = ?, decided_at = ?, by_whom = ?, reason = ?,"
                " result = ? WHERE id = ? AND status = 'pending' AND expires_at > ?",
                status,
                now,
                by,
                reason,
                dump(result or {}),
                proposal_id,
                now,
            )
            row = self.db.one(f"{_PROPOSAL} WHERE id = ?", proposal_id)
            if not touched or row is None:
                state = _proposal(row, now).status if row else "unknown"
                raise errors.Refused(
                    f"proposal {proposal_id} cannot be decided: it is {state}", code="BB7303"
                )
            self._audit("proposal", row[1], at=now, by=by, source=proposal_id, became=status,
                        detail=reason)  # fmt: skip
        return _proposal(row, now)

    def record_event(
        self, account: str, kind: EventKind, data: Mapping[str, Any], *, now: float
    ) -> None:
        with self.db.write():
            number = self.db.value(
                "INSERT INTO event (account, at, kind, data) VALUES (?, ?, ?, ?) RETURNING id",
                account,
                now,
                kind,
                dump(data),
            )
            if int(number) % PRUNE_EVERY == 0:
                self._prune_events(account)

    def _prune_events(self, account: str) -> None:
        oldest = self.db.value(
            "SELECT id FROM event WHERE account = ? ORDER BY id DESC LIMIT 1 OFFSET ?",
            account,
            KEPT_EVENTS,
        )
        if oldest is not None:
            self.db.run("DELETE FROM event WHERE account = ? AND id <= ?", account, oldest)

    def events(
        self,
        *,
        account: str = "",
        kind: EventKind | Literal[""] = "",
        after: int = 0,
        limit: int = 200,
    ) -> tuple[LedgerEvent, ...]:
        order = "ASC" if after else "DESC"
        rows = self.db.query(
            "SELECT id, account, at, kind, data FROM event WHERE id > ?"
            " AND (? = '' OR account = ?) AND (? = '' OR kind = ?)"
            f" ORDER BY id {order} LIMIT ?",
            after,
            account,
            account,
            kind,
            kind,
            limit,
        )
        ordered = rows if after else reversed(rows)
        return tuple(LedgerEvent(i, a, at, k, load(data)) for i, a, at, k, data in ordered)

    def heartbeat(self, account: str, status: Mapping[str, Any], *, now: float) -> None:
        with self.db.write():
            self.db.run(
                "INSERT INTO heartbeat (account, at, status) VALUES (?, ?, ?)"
                " ON CONFLICT (account) DO UPDATE SET at = excluded.at, status = excluded.status",
                account,
                now,
                dump(status),
            )

    def heartbeats(self) -> tuple[Heartbeat, ...]:
        rows = self.db.query("SELECT account, at, status FROM heartbeat ORDER BY account")
        return tuple(Heartbeat(account, at, load(status)) for account, at, status in rows)


def _proposal(row: Row, now: float) -> Proposal:
    """A row as it is now: one that nobody decided in time has expired."""
    i, account, kind, payload, why, status, made, until, decided, by, reason, result = row
    if status == "pending" and until <= now:
        status = "expired"
    return Proposal(
        i, account, kind, load(payload), why, status, made, until, decided, by, reason,
        load(result),
    )  # fmt: skip
