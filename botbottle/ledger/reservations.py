"""Reservations in memory: a copy of the leases with their sums for each scope that has a limit.

Part of the books and as true as they are: see ``books``. Expired leases leave the sums as time
goes by and stay in the copy, so that the next report of their request can revive them.
"""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import batched

from msgspec import Struct
from msgspec.structs import replace

from botbottle.ledger.db import ROWS, Db, Row

_LEASES = "reservation (lease, account, provider, amount, expires_at)"
_CHANGE_LEASE = (
    "ON CONFLICT (lease) DO UPDATE SET amount = excluded.amount, expires_at = excluded.expires_at"
)
_LIMITED = "SELECT scope, provider FROM budget UNION SELECT scope, provider FROM budget_override"
KEPT = 256  # accounts and providers whose sums are at hand


class Lease(Struct, frozen=True):
    """A reservation of ``amount`` tokens until ``expires``."""

    id: str
    account: str
    provider: str
    amount: int
    expires: float


class Reservations:
    """All methods but ``discard`` need an open transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._all: dict[str, Lease] | None = None
        self._changed: dict[str, Lease | None] = {}
        self._chains: dict[str, list[str]] = {}
        self._limited: set[Row] = set()
        self._live: set[str] = set()
        self._sums: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._reserved: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._flying: dict[str, int] = {}
        self._counted_at, self._until = 0.0, 0.0

    def forget(self) -> None:
        """The copy may be wrong: read again."""
        self._all = None

    def get(self, lease: str, account: str) -> Lease | None:
        """A lease of ``account``, live or expired."""
        found = self._load().get(lease)
        return found if found is not None and found.account == account else None

    def put(self, lease: Lease, now: float) -> None:
        """Make or change a reservation."""
        leases = self._load()
        if lease.id in self._live:
            self._count(leases[lease.id], -1)
        leases[lease.id] = self._changed[lease.id] = lease
        if lease.expires > now:
            self._until = min(self._until, lease.expires)
            self._count(lease, 1)

    def change(self, lease: Lease, amount: int, expires: float, now: float) -> None:
        self.put(replace(lease, amount=amount, expires=expires), now)

    def drop(self, lease: str, account: str) -> bool:
        """Give a reservation back; whether there was one."""
        found = self.get(lease, account)
        if found is None:
            return False
        if lease in self._live:
            self._count(found, -1)
        del self._load()[lease]
        self._changed[lease] = None
        return True

    def reserved(self, now: float) -> Mapping[tuple[str, str], int]:
        """Live reservations in each scope that has a limit, by provider. A new limit is a change
        that everything at hand is forgotten for."""
        self._expire(now)
        return self._reserved

    def live(self, lease: str) -> int:
        """What one lease has in ``reserved``."""
        return self._load()[lease].amount if lease in self._live else 0

    def in_flight(self, account: str, now: float) -> int:
        """Live leases of an account."""
        self._expire(now)
        return self._flying.get(account, 0)

    def _load(self) -> dict[str, Lease]:
        if self._all is None:
            self.flush()
            rows = self._db.query(
                "SELECT lease, account, provider, amount, expires_at FROM reservation"
            )
            self._all = {row[0]: Lease(*row) for row in rows}
            self._chains, self._sums = {}, {}
            self._limited = set(self._db.query(_LIMITED))
            for account, scope in self._db.query("SELECT account, scope FROM account_scope"):
                self._chains.setdefault(account, []).append(scope)
            self._recount(float("-inf"))
        return self._all

    def _expire(self, now: float) -> None:
        """Let expired leases go out of the sums (and, if the clock went back, in again)."""
        if self._all is None:
            self._load()
        if not self._counted_at <= now < self._until:
            self._recount(now)

    def _recount(self, now: float) -> None:
        self._live, self._reserved, self._flying = set(), defaultdict(int), {}
        live = [x for x in (self._all or {}).values() if x.expires > now]
        self._counted_at, self._until = now, min((x.expires for x in live), default=float("inf"))
        for lease in live:
            self._count(lease, 1)

    def _count(self, lease: Lease, sign: int) -> None:
        """Add a lease to the sums, or take one out that is in them."""
        account, amount = lease.account, sign * lease.amount
        if sign > 0:
            self._live.add(lease.id)
        else:
            self._live.remove(lease.id)
        self._flying[account] = self._flying.get(account, 0) + sign
        keys = self._sums.get((account, lease.provider))
        if keys is None:
            keys = self._keys(lease)
        reserved = self._reserved  # not before: what ``_keys`` tidies away is another one
        for key in keys:
            reserved[key] += amount

    def _keys(self, lease: Lease) -> tuple[tuple[str, str], ...]:
        """The sums that a lease like this is part of, kept for the next one."""
        if len(self._sums) >= KEPT:
            self._tidy()
        sums = ((scope, lease.provider) for scope in self._chains.get(lease.account, ()))
        found = tuple(each for each in sums if each in self._limited)
        self._sums[lease.account, lease.provider] = found
        return found

    def _tidy(self) -> None:
        """Sidecars may name any provider: keep what is not nothing."""
        self._sums = {}
        self._reserved = defaultdict(int, {k: n for k, n in self._reserved.items() if n})

    def flush(self) -> None:
        """Write what was changed."""
        kept = [x for x in self._changed.values() if x is not None]
        gone = [name for name, x in self._changed.items() if x is None]
        if kept:
            rows = [(x.id, x.account, x.provider, x.amount, x.expires) for x in kept]
            self._db.insert(_LEASES, rows, _CHANGE_LEASE)
        for some in batched(gone, ROWS):
            marks = ", ".join("?" * len(some))
            self._db.run(f"DELETE FROM reservation WHERE lease IN ({marks})", *some)
        self._changed = {}

    def discard(self) -> None:
        """The transaction is undone."""
        self._changed = {}
        self.forget()
