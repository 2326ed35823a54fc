"""Rows of ``usage`` on their way into the table: their ids, and how a bottle's are found again.

One bottle's exchanges are found by the blocks of ids they are in. An index by bottle would be
written in as many places as a batch has bottles; a block is told once for each bottle in it.
"""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botbottle.ledger.db import Db
from botbottle.ledger.schema import BLOCK, CLASSES

AHEAD = 1024  # ids that are set aside at once, so that the table's own counter is seldom written

_USAGE = (
    "usage (id, account, agent, ancestry, provider, dialect, model, host, response_id,"
    f" seq, {', '.join(CLASSES)}, counted, completeness, at, recorded_at, note)"
)
_BLOCKS = "exchange_block (account, block)"
LAST = "exchange"  # the counter that says which ids retention may have deleted: none comes again
NEWEST = (
    "SELECT coalesce(max(n), 0) FROM (SELECT max(id) AS n FROM usage"
    f" UNION ALL SELECT value FROM counter WHERE name = '{LAST}') taken"
)


class Written:
    """What a transaction has yet to insert. All methods but ``discard`` need one."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._rows: list[tuple[Any, ...]] = []
        self._ids: set[tuple[str, str]] = set()
        self._new: set[tuple[str, str]] = set()
        self._new_in = -1  # the transaction that ``_new`` is true in
        self._next: int | None = None
        self._aside = 0  # ids up to here are set aside
        self._block, self._told = 0, set[str]()  # accounts that are known to be in the block

    def forget(self) -> None:
        """Somebody else may have written rows."""
        self._next, self._aside = None, 0
        self._told = set()

    def discard(self) -> None:
        """The transaction is undone."""
        self._rows, self._ids, self._new = [], set(), set()
        self.forget()

    def expect(self, responses: Iterable[tuple[str, str]]) -> None:
        """These have no rows in the table; true until the transaction ends, as nobody else can
        write meanwhile."""
        if self._new_in != self._db.transactions:
            self._new, self._new_in = set(), self._db.transactions
        self._new.update(responses)

    def is_new(self, provider: str, response_id: str) -> bool:
        """Whether it is known that a response has no row, here or in the table."""
        return (provider, response_id) in self._new and self._new_in == self._db.transactions

    def has(self, provider: str, response_id: str) -> bool:
        """Whether a row of this response waits to be inserted."""
        return (provider, response_id) in self._ids

    def add(self, row: tuple[Any, ...], provider: str, response_id: str) -> None:
        """A row, in the order of the table's columns, without its id; the account comes first."""
        self._rows.append(row)
        self._ids.add((provider, response_id))
        self._new.discard((provider, response_id))

    def flush(self) -> None:
        """Insert what waits."""
        if not self._rows:
            return
        first = self._next or int(self._db.value(NEWEST)) + 1
        rows = [(number, *row) for number, row in enumerate(self._rows, start=first)]
        self._db.insert(_USAGE, rows)
        self._tell(rows)
        self._next = first + len(rows)
        if self._next > self._aside:
            self._aside = self._next + AHEAD
            self._db.set_aside("usage", self._aside)
        self._rows, self._ids = [], set()

    def _tell(self, rows: list[tuple[Any, ...]]) -> None:
        """Which accounts have rows in which blocks, as far as it is not known yet."""
        found: set[tuple[str, int]] = set()
        for number, account, *_ in rows:
            if number // BLOCK != self._block:
                self._block, self._told = number // BLOCK, set()
            if account not in self._told:
                self._told.add(account)
                found.add((account, self._block))
        if found:
            self._db.insert(_BLOCKS, sorted(found), "ON CONFLICT (account, block) DO NOTHING")
