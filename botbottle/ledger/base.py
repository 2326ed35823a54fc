"""What all parts of the repository share: the connection, the revision and the audit chain."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botbottle.ledger.books import Books
from botbottle.ledger.db import Db
from botbottle.ledger.written import NEWEST
from botbottle.model import canonical


class Part:
    """One part of the repository, mixed into ``SqlLedger``."""

    db: Db
    where: str
    books: Books
    _checked: int = -1  # the transaction in which the gate last compared the revision
    _revision: int = -1  # as it was found then; -1: by a transaction that changed it itself

    def _revise(self) -> None:
        """Tell every holder of cached limits, holds and accounts that they are stale. Belongs
        in the transaction of the change itself: the gate compares inside its own transaction."""
        self.db.run("UPDATE counter SET value = value + 1 WHERE name = 'revision'")
        self._checked = -1

    def _newest_row(self) -> int:
        """The greatest id that a row of usage has had so far; 0: none. Ids grow in the order of
        the transactions, whatever the clocks say. Belongs in a write transaction."""
        self.db.flush()
        return int(self.db.value(NEWEST))

    def _audit(
        self,
        action: str,
        account: str,
        *,
        at: float,
        by: str,
        policy: str = "",
        source: str = "",
        was: str = "",
        became: str = "",
        detail: str = "",
    ) -> None:
        """Append one link to the chain."""
        seq, prev = self.db.query("SELECT seq, hash FROM audit_head WHERE id = 1")[0]
        row = (seq + 1, at, action, account, policy, source, by, was, became, detail, prev)
        link = chain_hash(row)
        self.db.run(
            "INSERT INTO audit (seq, at, action, account, policy, source, by_whom, was, became,"
            " detail, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *row,
            link,
        )
        self.db.run("UPDATE audit_head SET seq = ?, hash = ? WHERE id = 1", seq + 1, link)


def chain_hash(row: tuple[Any, ...]) -> str:
    """SHA-256 over the canonical JSON of a row without its hash (``prev`` is part of it)."""
    return hashlib.sha256(canonical.canonical(list(row)).encode()).hexdigest()


def dump(value: Any) -> str:
    """JSON text for a column."""
    return canonical.canonical(value)


def load(text: str) -> Any:
    """Inverse of ``dump``."""
    return json.loads(text)
