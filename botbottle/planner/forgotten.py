"""A ledger that was lost: bottles are there whose accounts it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from botbottle.model import labels
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import Notice, RegisterAccount
from botbottle.planner.draft import Draft
from botbottle.planner.wanted import Wanted


def forgotten(
    draft: Draft, wants: Iterable[Wanted], view: LedgerView, *, server: bool = False
) -> Iterator[Notice]:
    """BB333. An account is registered before its containers and volumes are made and goes after
    them, so one of these without it says that there was another ledger. What was spent, and every
    order that was in it, is gone: an account that is made anew starts at 0, which is a raised
    budget. Volumes outlive containers that somebody prunes, and an engine that is set up anew.
    Where none of them is left either, a home that has applied this project before tells it.
    ``server``: the ledger is a database, which is restored with its own tools.
    """
    told = TOLD.replace(FILE, SERVER) if server else TOLD
    gone = draft.facts.ledger_gone
    for want in wants:
        name = want.spec.name
        if want.account in view.registered or not (gone or _was_applied(draft, name)):
            continue
        fresh = any(isinstance(op, RegisterAccount) for op in draft.ops_of(name))
        yield Notice("BB333", name, GONE if gone else told, "budget" if fresh else "")


def _was_applied(draft: Draft, name: str) -> bool:
    """``bb adopt`` makes volumes, too, for a bottle that was never applied."""
    made = (v for v in draft.my_volumes(name) if labels.ADOPTED not in v.labels)
    return any((*draft.mine(name, "agent"), *draft.mine(name, "egress"), *made))


FILE = "bb ledger restore FILE puts a backup back"
SERVER = "put a backup back with the database's own tools, or name the ledger that was there"
TOLD = (
    "it is on the engine, but the ledger knows nothing of it: another ledger was lost or "
    "replaced, with all that was spent, held and approved. " + FILE + "; "
    "bb apply --yes --allow budget starts its budgets at 0"
)
GONE = (
    "this project was applied before, and the ledger's file is gone, with all that was spent, held "
    "and approved. " + FILE + "; bb apply --yes --allow budget starts its budgets at 0"
)
