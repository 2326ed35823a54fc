"""The ledger: usage, budgets, enforcement, journal. The only place with SQL.

``open_ledger(where)`` takes the path of an SQLite file, ``:memory:`` or a ``postgresql://`` URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger

__all__ = ["ledger_exists", "open_ledger"]


def open_ledger(where: str, *, create: bool = True, read_only: bool = False) -> Ledger:
    """Open, and unless ``read_only`` migrate, the ledger at ``where``.

    Raises LedgerUnavailable (missing without ``create``, unreadable, unreachable), LedgerCorrupt
    (damaged, with the way back), LedgerTooNew (written by a newer bb).
    """
    from botbottle.ledger.opening import open_ledger as opened

    return opened(where, create=create, read_only=read_only)


def ledger_exists(where: str) -> bool:
    """Whether there is a ledger at ``where``; makes nothing. Raises LedgerUnavailable when a
    server cannot be asked."""
    from botbottle.ledger.opening import ledger_exists as found

    return found(where)
