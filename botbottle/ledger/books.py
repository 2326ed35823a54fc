"""The gate's working set: sums and reservations in memory, for as long as they are true.

What is kept here is a copy of rows and is used only inside a write transaction. It is thrown
away when another connection has committed anything (asked from the database at the beginning of
each transaction), when limits or accounts change, and when a transaction is undone; a database
that cannot tell gets a fresh copy in every transaction. Rows that a batch adds to are written
once, before the commit, however many requests of the batch add to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import add
from typing import Any

from botbottle.budget import windows
from botbottle.ledger.db import Db
from botbottle.ledger.reservations import Reservations
from botbottle.ledger.schema import CLASSES
from botbottle.ledger.sums import ADD_OPEN, ADD_SPEND, KEPT, OPEN, SPEND, fold, gross
from botbottle.ledger.written import Written
from botbottle.model.bottle import WINDOWS, Window

_SUMS = (*CLASSES, "counted", "requests", "partials", "estimates")
_ROLLUP = f"rollup (hour, account, agent, bottle, provider, model, {', '.join(_SUMS)})"
_ADD_ROLLUP = (
    "ON CONFLICT (hour, account, agent, bottle, provider, model) DO UPDATE SET "
    + ", ".join(f"{c} = rollup.{c} + excluded.{c}" for c in _SUMS)
)

type Pool = tuple[str, str]  # scope and provider
type Known = dict[Window, list[Any]]  # window → [bucket, tokens booked in it]

_NONE: Known = {}


class Books:
    """See the module. All methods but ``flush`` and ``discard`` need an open transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db
        db.deferred = self
        self._stamp: int | None = None
        self._from = self._until = 0.0  # the hour that ``names`` and ``ends`` are of
        self.names: dict[Window, str] = {}  # bucket of each window
        self.ends: dict[Window, float | None] = {}
        self._rollup: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._spend: dict[Pool, list[int]] = {}  # tokens, requests
        self._spent: dict[Pool, Known] = {}
        self.leases = Reservations(db)
        self.rows = Written(db)

    def forget(self) -> None:
        """The copy may be wrong: read again what is needed."""
        self._spent = {}
        self.leases.forget()
        self.rows.forget()
        self._stamp = None

    def begin(self) -> bool:
        """Once in each transaction: is the copy still true? False: it was thrown away, and
        whatever else was read from the database may have changed, too."""
        stamp = self._db.others()
        true = stamp is not None and stamp == self._stamp
        if not true:
            self.forget()
        self._stamp = stamp
        return true

    def turn(self, now: float) -> None:
        """It is ``now``: belongs before ``names``, ``ends``, ``spent`` and what is added. All
        windows change on the hour only."""
        if not self._from <= now < self._until:
            self.flush()  # what is pending belongs to the hour before
            self._from = now // 3600 * 3600
            self._until = self._from + 3600
            self.names = {w: windows.bucket(w, now) for w in WINDOWS}
            self.ends = {w: windows.resets_at(w, now) for w in WINDOWS}
            fold(self._db, self.names["hour"])

    def spent(self, pool: Pool, window: Window, now: float) -> int:
        """Everything booked in the current window, resets ignored."""
        known = self._spent.get(pool, _NONE).get(window)
        if known is None or known[0] != self.names[window]:
            self.flush()
            known = [self.names[window], gross(self._db, *pool, window, now)]
            self._spent.setdefault(pool, {})[window] = known
        tokens: int = known[1]
        return tokens

    def before(self, provider: str, response_id: str) -> None:
        """Make rows of this response visible to a query."""
        if self.rows.has(provider, response_id):
            self.flush()

    def add_rollup(self, key: tuple[str, ...], numbers: tuple[int, ...]) -> None:
        known = self._rollup.get(key)
        self._rollup[key] = numbers if known is None else tuple(map(add, known, numbers))

    def add_spend(self, pools: Iterable[Pool], tokens: int, requests: int) -> None:
        for pool in pools:
            pending = self._spend.get(pool)
            if pending is None:
                pending = self._spend[pool] = [0, 0]
            pending[0] += tokens
            pending[1] += requests
            for known in self._spent.get(pool, _NONE).values():
                known[1] += tokens  # of a bucket that is over: read again before it is used

    def take_back(
        self, scopes: tuple[str, ...], provider: str, tokens: int, requests: int, at: float
    ) -> None:
        """Out of the sums of the moment ``at``, which may be over. Rare: what is at hand is read
        again."""
        buckets = sorted((window, windows.bucket(window, at)) for window in KEPT)
        rows = [(s, provider, w, b, -tokens, -requests) for s in scopes for w, b in buckets]
        self._db.insert(SPEND, rows, ADD_SPEND)
        self._spent = {}

    def flush(self) -> None:
        """Write what is pending; in key order, like every other writer."""
        self.rows.flush()
        if self._rollup:
            rows = [(*k, *v) for k, v in sorted(self._rollup.items())]
            self._db.insert(_ROLLUP, rows, _ADD_ROLLUP)
        if self._spend:
            hour = self.names["hour"]
            rows = [(*pool, hour, *numbers) for pool, numbers in sorted(self._spend.items())]
            self._db.insert(OPEN, rows, ADD_OPEN)
        self.leases.flush()
        self._clear()

    def discard(self) -> None:
        """The transaction is undone: nothing of it was true."""
        self._clear()
        self._until = 0.0
        self.leases.discard()
        self.rows.discard()
        self.forget()

    def _clear(self) -> None:
        self._rollup, self._spend = {}, {}
