"""What is written down of a run: an intent before each op and its outcome after.

Where the ledger refuses, what only takes away is done without (``taking``), and kept here to be
told of. From then on the ledger is not asked again: each of its refusals may take seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct, field

from botbottle.errors import LedgerError
from botbottle.executor.taking import taking
from botbottle.ledger.api import Journaling
from botbottle.model.plan import Op


class Records(Struct):
    """The journal of one run; called in worker threads. ``refusal``: the ledger's first one."""

    project: str
    run: str
    journal: Journaling | None
    ops: Sequence[Op]
    refusal: LedgerError | None = None
    unrecorded: list[Op] = field(default_factory=list)
    _taking: Collection[str] | None = None

    def intent(self, op: Op) -> int | None:
        """Durable when this returns; None: it is done without. Raises LedgerError."""
        if self.journal is None:
            return None
        try:
            if self.refusal is not None:
                raise self.refusal
            return self.journal.intent(
                self.run, self.project, op=type(op).__name__, op_id=op.id, resource=op.resource
            )
        except LedgerError as refused:
            self.refusal = self.refusal or refused
            if not self.takes(op):
                raise
            self.unrecorded.append(op)
            return None

    def outcome(self, entry: int | None, outcome: str, detail: str = "") -> None:
        """Raises LedgerError."""
        if self.journal is not None and entry is not None:
            self.journal.outcome(entry, outcome, detail)

    def takes(self, op: Op) -> bool:
        """Whether this op goes on where the ledger refuses."""
        if self._taking is None:  # computed once, and in hardly any run
            self._taking = taking(self.ops)
        return op.id in self._taking
