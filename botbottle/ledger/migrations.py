"""One forward-only history of the schema for both databases.

A step is a tuple of statements and is never edited once released; the next change is the next
step. All steps that are missing run in one transaction, so a crash leaves the old version, and
running again is harmless. ``{pk}`` and ``{norowid}`` are the only differences of the dialects.
Amounts are 64-bit, times are seconds since the epoch, lists and mappings are JSON text.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from botbottle import errors
from botbottle.ledger.db import Db
from botbottle.ledger.schema import STEPS

type Steps = Sequence[Sequence[str]]

_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_version"
    " (version BIGINT PRIMARY KEY, applied_at DOUBLE PRECISION NOT NULL)"
)


def current(db: Db) -> int:
    """Version of the schema in the database; 0: empty."""
    if "schema_version" not in db.tables():
        return 0
    return int(db.value("SELECT coalesce(max(version), 0) FROM schema_version"))


def migrate(db: Db, where: str, steps: Steps = STEPS) -> int:
    """Bring the schema up to date; returns the number of steps taken. Raises LedgerTooNew."""
    if require_known(db, where, steps) == len(steps):
        return 0
    with db.write():
        db.run(_TABLE)
        have = require_known(db, where, steps)
        for number, statements in enumerate(steps[have:], start=have + 1):
            for sql in statements:
                db.run(sql.format(pk=db.primary_key, norowid=db.without_rowid))
            db.run("INSERT INTO schema_version VALUES (?, ?)", number, time.time())
    return len(steps) - have


def require_known(db: Db, where: str, steps: Steps = STEPS) -> int:
    """The version, unless a newer bb has written it."""
    have = current(db)
    if have > len(steps):
        raise errors.LedgerTooNew(
            f"the ledger has schema {have}, this bb knows up to {len(steps)}",
            where=where,
            hint="upgrade bb; going back needs a backup made before the upgrade",
        )
    return have
