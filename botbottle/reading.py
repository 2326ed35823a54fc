"""A project's ledger as one verb reads it: opened once, at the first question, never created."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NoReturn

from botbottle.errors import LedgerError, LedgerOutdated
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.paths import HomePaths
from botbottle.planner.pending import limits_of

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger
    from botbottle.ledger.records import Generation


class Unusable:
    """In place of a ledger that cannot be used, for what only takes away: refuses everything."""

    password = ""

    def __init__(self, refusal: LedgerError) -> None:
        self._refusal = refusal

    def __getattr__(self, name: str) -> NoReturn:
        raise self._refusal

    def close(self) -> None:
        """Nothing is open."""


class LedgerReads:
    """``upgrades``: whether this verb may bring an older bb's ledger up to date (``bb apply``)."""

    paths: HomePaths
    ledger: Ledger | None = None
    upgrades = False
    refusal: LedgerError | None = None

    def without_ledger(self, refusal: LedgerError) -> None:
        """From now on it is as if there were no ledger: ``refusal`` says why it cannot be used.
        Nothing can be recorded then; what runs can still be taken away."""
        self.close()
        self.refusal = refusal

    def ledger_url(self, declared: Declared) -> str:
        return declared.settings.ledger or self.paths.ledger_db

    def open_ledger(self, declared: Declared, *, write: bool = False) -> Ledger:
        """Open the project's ledger. Reading does not create it."""
        if self.refusal is not None:
            raise self.refusal
        from botbottle.ledger import open_ledger

        return open_ledger(self.ledger_url(declared), create=write, read_only=not write)

    def reading(self, declared: Declared) -> Ledger | None:
        """The ledger kept open for this session's reads, or None before the first apply."""
        if self.ledger is None and self.refusal is None:
            from botbottle.ledger import ledger_exists

            found = ledger_exists(self.ledger_url(declared))
            self.ledger = self._opened(declared) if found else None
        return self.ledger

    def _opened(self, declared: Declared) -> Ledger:
        """For reading. An older bb's ledger is brought up to date first where that is allowed."""
        try:
            return self.open_ledger(declared)
        except LedgerOutdated:
            if not self.upgrades:
                raise
        self.open_ledger(declared, write=True).close()
        return self.open_ledger(declared)

    def view(self, declared: Declared) -> LedgerView:
        """The ledger's reading; an empty one before the first apply."""
        ledger = self.reading(declared)
        now = time.time()
        return ledger.view(now, limits_of(declared)) if ledger else LedgerView(now=now)

    def revision(self, declared: Declared) -> int:
        """Grows with every change of accounts, limits and holds; -1 before the first apply."""
        ledger = self.reading(declared)
        return ledger.revision() if ledger else -1

    def newest(self, declared: Declared) -> Generation | None:
        """What was last applied or approved; None before that."""
        ledger = self.reading(declared)
        generations = ledger.generations(declared.project.id, limit=1) if ledger else ()
        return generations[0] if generations else None

    def applied(self, declared: Declared) -> dict[str, Any] | None:
        """The document of the newest generation; None before the first one."""
        found, ledger = self.newest(declared), self.reading(declared)
        document = ledger.document(found.digest) if found and ledger else None
        return dict(json.loads(document)) if document else None

    def close(self) -> None:
        """Close the ledger, if it was opened."""
        if self.ledger is not None:
            self.ledger.close()
            self.ledger = None
