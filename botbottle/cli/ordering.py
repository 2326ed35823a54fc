"""What an operator's orders and their lifting share: which bottles, the ledger, the pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbottle.cli.common import known_bottles, load_declared, named_or_all, open_session
from botbottle.cli.consent import Consent, ask
from botbottle.cli.context import Context
from botbottle.cli.plan import write_plan
from botbottle.cli.run import TRIES, Pace, Run
from botbottle.errors import LedgerUnavailable, PlanStale, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Declared
    from botbottle.session import Session


def targets(
    context: Context, names: Sequence[str], everyone: bool
) -> tuple[Session, Declared, tuple[str, ...]]:
    """Session, manifests, and the named bottles, at least one. Raises UsageError for unknown
    names, and Refused where all are none."""
    named_or_all(context, names, everyone=everyone)
    session = open_session(context)
    declared = load_declared(context, session)
    chosen = known_bottles(declared, names) or sorted(b.name for b in declared.bottles)
    if not chosen:  # an order for none would be a plan of everything
        raise Refused(
            "the manifests declare no bottle",
            code="BB7001",
            hint="bb destroy removes what is not declared any more",
        )
    return session, declared, tuple(chosen)


def writing(session: Session, declared: Declared) -> Ledger:
    """The ledger for writing. Raises Refused before the first apply, LedgerUnavailable where it is
    gone although something of this home is there."""
    from pathlib import Path

    if not declared.settings.ledger and not Path(session.paths.ledger_db).exists():
        if session.engine.observe(session.paths.home_id).containers:
            raise LedgerUnavailable(
                f"{session.paths.ledger_db} is gone, and containers of this home are there",
                hint="bb ledger restore FILE, from a backup",
            )
        raise Refused("nothing was ever applied here", code="BB7009", hint="bb apply")
    return session.open_ledger(declared, write=True)


def carry_out(run: Run, consent: Consent, *, show: bool = False) -> int:
    """The reconciler's pass for these bottles; a watch that was faster leaves nothing to do, and
    one that was half-way leads to another plan, which is the same order still. The guards
    against a typo in the manifests (max_changes, max_deletes) do not hold up an order."""
    from botbottle.approval import blocking_error

    run.context.lock_timeout = max(run.context.lock_timeout, 15.0)
    options = run.context.before(run.verb)
    with run.events() as emit:
        for attempt in range(1, TRIES + 1):
            newest, shown = run.newest(), run.plan()
            if show and attempt == 1:
                write_plan(run.context, shown, "text")
            if error := blocking_error(shown):
                raise error
            if shown.empty:
                run.document("nothing to do", shown)
                break
            if show:  # an order takes no approvals: what needs one is for bb apply
                chosen = (word for name in run.only for word in ("--only", name))
                run.context.words = (*options, "apply", *chosen)
            ask(run.context, run.verb, shown, consent)
            try:
                return run.locked(shown, Pace(), emit, newest=newest)
            except PlanStale:
                if attempt == TRIES:
                    raise
    return run.end(shown)
