"""Standing orders, carried-out actions, snapshots, and the audit of all of them."""

from __future__ import annotations

import os
import time

from botbottle import errors
from botbottle.ledger.base import Part, chain_hash
from botbottle.ledger.records import AuditCheck, AuditRow
from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import EnforcementRecord, FreezeRecord, HoldRecord

STRENGTH: dict[Policy, int] = {"cutoff": 1, "freeze": 2, "kill": 3}
RESUME = "resume:"  # before the trigger of a freeze that an operator wants lifted
_AUDIT = (
    "SELECT seq, at, action, account, policy, source, by_whom, was, became, detail, prev, hash"
    " FROM audit"
)


class Enforcement(Part):
    """See ``api.Enforcement``."""

    def hold(
        self, account: str, policy: Policy, *, by: str, reason: str = "", now: float
    ) -> HoldRecord:
        order = HoldRecord(
            account, policy, "operator", reason, f"operator:{os.urandom(8).hex()}", now, by
        )
        with self.db.write():
            standing = self.db.value("SELECT policy FROM hold WHERE account = ?", account)
            if standing is not None and STRENGTH[standing] > STRENGTH[policy]:
                raise errors.Refused(
                    f"{account} is held by a stronger order already ({standing})",
                    code="BB7302",
                    hint=f"bb release {account.rpartition('/')[2]}",
                )
            self._store_hold(order)
            self._audit(
                "hold",
                account,
                at=now,
                by=by,
                policy=policy,
                source=order.id,
                was=standing or "",
                became=policy,
                detail=reason,
            )
        return order

    def _store_hold(self, order: HoldRecord) -> None:
        self.db.run("DELETE FROM hold WHERE account = ?", order.account)
        self.db.run(
            "INSERT INTO hold (account, policy, source, reason, id, at, by_whom)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            order.account,
            order.policy,
            order.trigger,
            order.reason,
            order.id,
            order.at,
            order.by,
        )
        self._revise()

    def release_hold(self, account: str, *, by: str, reason: str = "", now: float) -> bool:
        with self.db.write():
            standing = self.db.one("SELECT policy, id FROM hold WHERE account = ?", account)
            if standing is None:
                return False
            self.db.run("DELETE FROM hold WHERE account = ?", account)
            self._revise()
            policy, source = standing
            self._audit(
                "release",
                account,
                at=now,
                by=by,
                policy=policy,
                source=source,
                was=policy,
                detail=reason,
            )
            return True

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
        with self.db.write():
            done = self.db.one("SELECT policy, source FROM enforcement WHERE account = ?", account)
            known = (done[0], done[1].removeprefix(RESUME)) if done else None
            if (done is None) if lift else (known == (policy, trigger)):
                return False
            self.db.run("DELETE FROM enforcement WHERE account = ?", account)
            self._revise()
            if not lift:
                self._carried_out(account, policy, trigger, now)
                if done and self._stands(account, policy, trigger):
                    return False
            self._audit(
                "lift" if lift else "enforce",
                account,
                at=now,
                by=by,
                policy=policy,
                source=trigger,
                was=before,
                became=after,
            )
            return True

    def _stands(self, account: str, policy: Policy, trigger: str) -> bool:
        """Whether the chain has this very action already and nothing lifted it since: another
        order came in between and went again. One trigger, one row."""
        newest = self.db.one(
            "SELECT MAX(CASE WHEN action = 'enforce' AND policy = ? AND source = ? THEN seq END),"
            " MAX(CASE WHEN action = 'lift' THEN seq END) FROM audit WHERE account = ?",
            policy,
            trigger,
            account,
        )
        done, lifted = newest or (None, None)
        return done is not None and (lifted is None or done > lifted)

    def ask_resume(self, account: str, *, by: str, reason: str = "", now: float) -> bool:
        with self.db.write():
            done = self.db.one("SELECT policy, source FROM enforcement WHERE account = ?", account)
            if done is None or done[0] != "freeze":
                return False
            trigger = done[1].removeprefix(RESUME)
            if done[1] != trigger:
                return True
            self.db.run(
                "UPDATE enforcement SET source = ? WHERE account = ?", RESUME + trigger, account
            )
            self._revise()
            self._audit(
                "resume",
                account,
                at=now,
                by=by,
                policy="freeze",
                source=trigger,
                was="frozen",
                detail=reason,
            )
            return True

    def _carried_out(self, account: str, policy: Policy, trigger: str, now: float) -> None:
        self.db.run(
            "INSERT INTO enforcement (account, policy, source, at) VALUES (?, ?, ?, ?)",
            account,
            policy,
            trigger,
            now,
        )
        standing = self.db.one("SELECT policy, id FROM hold WHERE account = ?", account)
        if policy == "kill" and (standing is None or standing[0] != "kill"):
            reason = "killed when its budget was spent; `bb release` lifts it"
            self._store_hold(HoldRecord(account, "kill", "budget", reason, trigger, now, "bb"))

    def record_freeze(self, account: str, image: str, manifest_digest: str, *, now: float) -> None:
        with self.db.write():
            self.db.run(
                "INSERT INTO snapshot (account, image, manifest_digest, at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (account, image) DO UPDATE SET"
                " manifest_digest = excluded.manifest_digest, at = excluded.at",
                account,
                image,
                manifest_digest,
                now,
            )

    def forget_freeze(self, account: str, image: str) -> bool:
        with self.db.write():
            sql = "DELETE FROM snapshot WHERE account = ? AND image = ?"
            return self.db.run(sql, account, image) > 0

    def freezes(self) -> tuple[FreezeRecord, ...]:
        rows = self.db.query(
            "SELECT account, image, manifest_digest, at FROM snapshot ORDER BY at DESC"
        )
        return tuple(FreezeRecord(*row) for row in rows)

    def note_audit(self, action: str, subject: str, *, by: str, detail: str = "") -> None:
        """Audit something that only the caller knows (an approval, a raised budget in a plan)."""
        with self.db.write():
            self._audit(action, subject, at=time.time(), by=by, detail=detail)

    def audit(
        self, *, account: str = "", since: float = 0.0, limit: int = 1000
    ) -> tuple[AuditRow, ...]:
        where, params = " WHERE at >= ?", [since]
        rows = self.db.query(
            f"{_AUDIT}{where}{' AND account = ?' if account else ''} ORDER BY seq DESC LIMIT ?",
            *params,
            *([account] if account else []),
            limit,
        )
        return tuple(AuditRow(*row) for row in reversed(rows))

    def verify_audit(self, head: str = "") -> AuditCheck:
        with self.db.read():
            rows = self.db.query(f"{_AUDIT} ORDER BY seq")
            kept = self.db.one("SELECT seq, hash FROM audit_head WHERE id = 1")
        last, problem = "", ""
        for number, row in enumerate(rows, start=1):
            problem = _broken(row, number, last)
            if problem:
                break
            last = row[-1]
        if not problem and kept != (len(rows), last):
            problem = "the chain does not end where it was last known to end: rows are missing"
        if not problem and head and head not in {row[-1] for row in rows}:
            problem = "the head you kept is not in the chain: it was rewritten"
        return AuditCheck(not problem, len(rows), last, problem)


def enforcement_record(account: str, policy: Policy, source: str, at: float) -> EnforcementRecord:
    """A stored action as the planner sees it."""
    return EnforcementRecord(
        account, policy, source.removeprefix(RESUME), at, source.startswith(RESUME)
    )


def _broken(row: tuple[object, ...], number: int, last: str) -> str:
    """What is wrong with a link; empty when nothing is."""
    if row[0] != number:
        return f"row {number} is missing"
    if row[-2] != last:
        return f"row {number} does not follow from the one before it"
    if row[-1] != chain_hash(row[:-1]):
        return f"row {number} was changed"
    return ""
