"""The repository: all parts on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbottle.ledger.accounts import Accounts
from botbottle.ledger.books import Books
from botbottle.ledger.budgets import Budgets
from botbottle.ledger.db import Db
from botbottle.ledger.gate import Gate
from botbottle.ledger.journal import Journal
from botbottle.ledger.leases import Leases
from botbottle.ledger.supervision import Supervision
from botbottle.ledger.upkeep import Upkeep
from botbottle.ledger.usage import Usage

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger


class SqlLedger(Accounts, Gate, Budgets, Usage, Journal, Supervision, Leases, Upkeep):
    """A ledger in SQLite or PostgreSQL; ``where`` is for messages and holds no password."""

    def __init__(self, db: Db, where: str) -> None:
        self.db = db
        self.where = where
        self.books = Books(db)
        self._configs = {}
        self._noted = set()
        self._names = []
        self._resets = {}

    @property
    def password(self) -> str:
        """What the database was opened with; empty for a file or where none is needed."""
        return self.db.password

    @property
    def transactions(self) -> int:
        return self.db.transactions

    def replaced(self) -> bool:
        return self.db.replaced()

    def relieve(self) -> None:
        self.db.relieve()

    def rekey(self, password: str) -> None:
        self.db.rekey(password)


if TYPE_CHECKING:

    def _conforms(ledger: SqlLedger) -> Ledger:
        return ledger
