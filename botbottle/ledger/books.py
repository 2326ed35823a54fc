"""The gate's working set: sums and reservations in memory, for as long as they are true.

What is kept here is a copy of rows and is used only inside a write transaction. It is thrown
away when another connection has committed anything (asked from the database at the beginning of
each transaction), when limits or accounts change, and when a transaction is undone; a database
that cannot tell gets a fresh copy in every transaction. Rows that a batch adds to are written
once, before the commit, however many requests of the batch add to them.
"""

from __future__ import annotations

from operator import add
from typing import Any

from botbottle.budget import windows
from botbottle.ledger.db import Db
from botbottle.ledger.reservations import Reservations
from botbottle.ledger.schema import CLASSES
from botbottle.model.bottle import WINDOWS, Window

KEPT: tuple[Window, ...] = ("", "day", "hour")  # weeks and months are sums of days

_COLUMNS = ", ".join(CLASSES)
_SPENT = (
    "SELECT coalesce(sum(tokens), 0) FROM spend"
    " WHERE scope = ? AND provider = ? AND win = ? AND bucket >= ? AND bucket <= ?"
)
_USAGE = (
    "usage (account, agent, ancestry, provider, dialect, model, host, response_id,"
    f" seq, {_COLUMNS}, counted, completeness, at, recorded_at, note)"
)
_SUMS = (*CLASSES, "counted", "requests", "partials", "estimates")
_ROLLUP = f"rollup (hour, account, agent, bottle, provider, model, {', '.join(_SUMS)})"
_ADD_ROLLUP = (
    "ON CONFLICT (hour, account, agent, bottle, provider, model) DO UPDATE SET "
    + ", ".join(f"{c} = rollup.{c} + excluded.{c}" for c in _SUMS)
)
_SPEND = "spend (scope, provider, win, bucket, tokens, requests)"
_ADD_SPEND = (
    "ON CONFLICT (scope, provider, win, bucket) DO UPDATE SET"
    " tokens = spend.tokens + excluded.tokens, requests = spend.requests + excluded.requests"
)
type Sums = dict[tuple[Any, ...], list[int]]


type Known = dict[Window, list[Any]]  # window → [bucket, tokens booked in it]

_NONE: Known = {}


def gross(db: Db, scope: str, provider: str, window: Window, now: float) -> int:
    """Everything booked for a scope in the current window: at most 31 indexed rows."""
    if window in KEPT:
        first = last = windows.bucket(window, now)
        kept = window
    else:
        (first, last), kept = windows.days(window, now), "day"
    return int(db.value(_SPENT, scope, provider, kept, first, last))


class Books:
    """See the module. All methods but ``flush`` and ``discard`` need an open transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db
        db.deferred = self
        self._stamp: int | None = None
        self._hour = -1
        self._names: dict[Window, str] = {}
        self._ends: dict[Window, float | None] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._ids: set[tuple[str, str]] = set()
        self._rollup: Sums = {}
        self._spend: Sums = {}
        self._spent: dict[tuple[str, str], Known] = {}
        self.leases = Reservations(db)

    def forget(self) -> None:
        """The copy may be wrong: read again what is needed."""
        self._spent = {}
        self.leases.forget()
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

    def names(self, now: float) -> dict[Window, str]:
        """Bucket of each window; all windows change on the hour only."""
        self._turn(now)
        return self._names

    def ends(self, now: float) -> dict[Window, float | None]:
        """End of each window."""
        self._turn(now)
        return self._ends

    def _turn(self, now: float) -> None:
        hour = int(now // 3600)
        if hour != self._hour:
            self.flush()  # what is pending belongs to the hour before
            self._hour = hour
            self._names = {w: windows.bucket(w, now) for w in WINDOWS}
            self._ends = {w: windows.resets_at(w, now) for w in WINDOWS}

    def spent(self, scope: str, provider: str, window: Window, now: float) -> int:
        """Everything booked in the current window, resets ignored."""
        bucket = self.names(now)[window]
        windows_known = self._spent.setdefault((scope, provider), {})
        known = windows_known.get(window)
        if known is None or known[0] != bucket:
            self.flush()
            known = windows_known[window] = [bucket, gross(self._db, scope, provider, window, now)]
        return int(known[1])

    def before(self, provider: str, response_id: str) -> None:
        """Make rows of this response visible to a query."""
        if (provider, response_id) in self._ids:
            self.flush()

    def book(self, row: tuple[Any, ...], provider: str, response_id: str) -> None:
        """A usage row, in the order of the table's columns."""
        self._rows.append(row)
        self._ids.add((provider, response_id))

    def add_rollup(self, key: tuple[str, ...], numbers: tuple[int, ...]) -> None:
        _add(self._rollup, key, numbers)

    def add_spend(
        self, scopes: tuple[str, ...], provider: str, tokens: int, requests: int, now: float
    ) -> None:
        self._turn(now)
        _add(self._spend, (scopes, provider), (tokens, requests))
        for scope in scopes:
            for known in self._spent.get((scope, provider), _NONE).values():
                known[1] += tokens  # of a bucket that is over: read again before it is used

    def take_back(
        self, scopes: tuple[str, ...], provider: str, tokens: int, requests: int, at: float
    ) -> None:
        """Out of the sums of the moment ``at``, which may be over. Rare: what is at hand is read
        again."""
        buckets = sorted((window, windows.bucket(window, at)) for window in KEPT)
        rows = [(s, provider, w, b, -tokens, -requests) for s in scopes for w, b in buckets]
        self._db.insert(_SPEND, rows, _ADD_SPEND)
        self._spent = {}

    def flush(self) -> None:
        """Write what is pending; in key order, like every other writer."""
        if self._rows:
            self._db.insert(_USAGE, self._rows)
        if self._rollup:
            rows = [(*k, *v) for k, v in sorted(self._rollup.items())]
            self._db.insert(_ROLLUP, rows, _ADD_ROLLUP)
        if self._spend:
            self._db.insert(_SPEND, self._spend_rows(), _ADD_SPEND)
        self.leases.flush()
        self._clear()

    def _spend_rows(self) -> list[tuple[Any, ...]]:
        """One row for each scope, provider and kept window."""
        sums: Sums = {}
        for (scopes, provider), numbers in self._spend.items():
            for scope in scopes:
                _add(sums, (scope, provider), (numbers[0], numbers[1]))
        buckets = sorted((window, self._names[window]) for window in KEPT)
        return [
            (scope, provider, window, bucket, tokens, requests)
            for (scope, provider), (tokens, requests) in sorted(sums.items())
            for window, bucket in buckets
        ]

    def discard(self) -> None:
        """The transaction is undone: nothing of it was true."""
        self._clear()
        self.leases.discard()
        self.forget()

    def _clear(self) -> None:
        self._rows, self._ids = [], set()
        self._rollup, self._spend = {}, {}


def _add(sums: Sums, key: tuple[Any, ...], numbers: tuple[int, ...]) -> None:
    known = sums.get(key)
    sums[key] = list(numbers if known is None else map(add, known, numbers))
