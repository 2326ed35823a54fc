"""The ledger in terms of the domain: what the rest of bb may ask of it.

``open_ledger`` (in ``botbottle.ledger``) gives the SQLite or the PostgreSQL implementation.
Every writing call is one transaction, durable when it returns; ``batch()`` joins several in
one. All calls may raise LedgerUnavailable, LedgerCorrupt (and at open LedgerTooNew). A ledger
may be used from several threads; calls are serialised.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from botbottle.ledger import records as r
from botbottle.ledger.api_operating import (
    Enforcement,
    Journal,
    Journaling,
    Leases,
    Recording,
    Supervision,
)
from botbottle.ledger.api_spending import Accounts, Budgets, Gate, Group, Registering, Usage

__all__ = ["Group", "Journaling", "Ledger", "Recording", "Registering", "Upkeep"]


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

    def found(self) -> int:
        """The revision that the latest transaction found, if it looked, for whoever begins many;
        -1: ask for it."""

    def batch(self) -> AbstractContextManager[object]:
        """Join the calls inside in one durable transaction; an exception undoes all."""

    def close(self) -> None: ...


class Ledger(
    Accounts, Gate, Budgets, Usage, Enforcement, Journal, Supervision, Leases, Upkeep, Protocol
):
    """Everything."""
