"""A ledger that was lost: bottles are there whose accounts it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import Notice, RegisterAccount
from botbottle.planner.draft import Draft
from botbottle.planner.wanted import Wanted


def forgotten(draft: Draft, wants: Iterable[Wanted], view: LedgerView) -> Iterator[Notice]:
    """BB333. An account is registered before its containers are made and goes after them, so a
    container without one says that there was another ledger. What was spent, and every order that
    was in it, is gone: an account that is made anew starts at 0, which is a raised budget."""
    for want in wants:
        name = want.spec.name
        there = (*draft.mine(name, "agent"), *draft.mine(name, "egress"))
        if there and want.account not in view.registered:
            fresh = any(isinstance(op, RegisterAccount) for op in draft.ops_of(name))
            yield Notice("BB333", name, TOLD, "budget" if fresh else "")


TOLD = (
    "its containers are there, but the ledger knows nothing of it: another ledger was lost or "
    "replaced, with all that was spent, held and approved. bb ledger restore FILE puts a backup "
    "back; bb apply --yes --allow budget starts its budgets at 0"
)
