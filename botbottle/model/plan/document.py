"""The plan as a whole."""

from __future__ import annotations

import functools

from msgspec import Struct

from botbottle.model.plan.digest import digest_of
from botbottle.model.plan.findings import Action, BudgetRow, Change, Held, Notice, ReachChange
from botbottle.model.plan.ops import Op

FORMAT_VERSION = "1.0"


class Plan(Struct, frozen=True, dict=True):
    """The whole answer. ``digest`` covers the ops and what they need: same diff, same digest."""

    project: str
    changes: tuple[Change, ...] = ()
    ops: tuple[Op, ...] = ()
    reach: tuple[ReachChange, ...] = ()
    notices: tuple[Notice, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    held: tuple[Held, ...] = ()
    unchanged: int = 0
    left_out: int = 0  # by --only
    bb_version: str = ""
    format_version: str = FORMAT_VERSION

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.ops

    @functools.cached_property
    def digest(self) -> str:
        """16 hex digits over what would be done and why; independent of unrelated state."""
        return digest_of(self.project, self.ops, self.notices, self.reach)

    @property
    def needs(self) -> tuple[str, ...]:
        """Approvals the notices ask for, sorted."""
        return tuple(sorted({n.needs for n in self.notices if n.needs}))

    def count(self, action: Action) -> int:
        return sum(1 for c in self.changes if c.action is action)
