"""A ledger that was lost: bottles are there whose accounts it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import Notice, RegisterAccount
from botbottle.planner.draft import Draft
from botbottle.planner.wanted import Wanted


def forgotten(
    draft: Draft, wants: Iterable[Wanted], view: LedgerView, *, server: bool = False
) -> Iterator[Notice]:
    """BB333. An account is registered before its containers are made and goes after them, so a
    container without one says that there was another ledger. What was spent, and every order that
    was in it, is gone: an account that is made anew starts at 0, which is a raised budget.
    ``server``: the ledger is a database, which is restored with its own tools.
    """
    told = TOLD.replace(FILE, SERVER) if server else TOLD
    for want in wants:
        name = want.spec.name
        there = (*draft.mine(name, "agent"), *draft.mine(name, "egress"))
        if there and want.account not in view.registered:
            fresh = any(isinstance(op, RegisterAccount) for op in draft.ops_of(name))
            yield Notice("BB333", name, told, "budget" if fresh else "")


FILE = "bb ledger restore FILE puts a backup back"
SERVER = "put a backup back with the database's own tools, or name the ledger that was there"
TOLD = (
    "its containers are there, but the ledger knows nothing of it: another ledger was lost or "
    "replaced, with all that was spent, held and approved. " + FILE + "; "
    "bb apply --yes --allow budget starts its budgets at 0"
)
