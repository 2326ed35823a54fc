"""What was seen and shown before the lock was taken, and what of it holds under the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Collection

    from botbottle.locking import Mark
    from botbottle.model.plan import Plan

FRESH = 1.0  # seconds that a look stays good which nobody is known to have made wrong


class Look(Struct, frozen=True):
    """When the engine was looked at (monotonic seconds), the lock's mark and the ledger's revision
    just before."""

    mark: Mark
    revision: int
    at: float

    def holds(self, rested: Mark | None, revision: int, now: float) -> bool:
        """Whether nobody has had the lock since nor given an order (orders are recorded without
        it), and hardly any time has passed: what was seen is what would be seen now, as far as
        any look can say that."""
        unmoved = self.mark == rested and self.revision == revision
        return unmoved and now - self.at <= FRESH


def only_shown(now: Plan, shown: Collection[str]) -> Plan:
    """Today's plan without snapshots that retention lets go but whose ops are not among the ids
    ``shown``: they are no part of a digest, and what nobody was shown is not removed."""
    from botbottle.model.plan import ForgetSnapshot, is_retention

    ops = tuple(op for op in now.ops if not is_retention(op.bottle) or op.id in shown)
    gone = {op.image for op in ops if isinstance(op, ForgetSnapshot)}
    changes = (c for c in now.changes if not is_retention(c.bottle) or c.note in gone)
    return replace(now, ops=ops, changes=tuple(changes))
