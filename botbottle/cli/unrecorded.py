"""An order that the ledger does not take is carried out as far as it takes away, unrecorded.

A full disk, which an agent may have filled, must not keep that agent running; nor a ledger that is
damaged, gone, a newer bb's or out of reach. What was not written down does not last, though:
whoever reconciles next, with a ledger again, brings the bottles back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from botbottle.cli.interrupt import graceful
from botbottle.cli.run import Pace
from botbottle.errors import BBError, LedgerError

if TYPE_CHECKING:
    from botbottle.cli.run import Run
    from botbottle.model.bottle import Declared, Policy
    from botbottle.model.ledger_view import LedgerView
    from botbottle.model.plan import Plan
    from botbottle.reading import LedgerReads

_DONE = {"freeze": "stopped, but no snapshot was taken", "kill": "removed"}


def stop_anyway(run: Run, policy: Policy, refusal: LedgerError) -> None:
    """Stop or remove the bottles of this order. Says what has become of each; a failure is told and
    not raised, as the caller raises the ledger's ``refusal``. Their sidecars were cut before."""
    where, ending = ", ".join(run.only), "it is not recorded, so repeat it once the ledger takes it"
    if policy not in _DONE:
        run.say(f"{where}: cut off for now; {ending}")
        return
    try:
        read_or_without(run.session, run.declared)
        done = _carry_out(run, policy, refusal)
    except BBError as error:
        run.say(f"{where}: cut off for now, not stopped: {error}; {ending}")
        return
    how = _DONE[policy] if done else "cut off for now, not all of it stopped"
    run.say(f"{where}: {how}; {ending}. Until then bb apply, or a watch, would start it again")


def read_or_without(
    session: LedgerReads,
    declared: Declared,
    unless: tuple[type[LedgerError], ...] = (LedgerError,),
) -> LedgerError | None:
    """Why the ledger cannot be read, if so: then this session goes on without it. Raises
    LedgerError for other reasons than ``unless``."""
    try:
        session.view(declared)
    except unless as refusal:
        session.without_ledger(refusal)
    return session.refusal


def _carry_out(run: Run, policy: Policy, refusal: LedgerError) -> bool:
    from botbottle.locking import project_lock
    from botbottle.ui.progress import events_to

    context, lock = run.context, run.session.paths.lock(run.declared.project.id)
    wait = max(context.lock_timeout, 15.0)
    with (
        project_lock(lock, run.verb, timeout=wait, waiting=run.say),
        events_to(context.progress_mode, context.err, context.events, width=context.width) as emit,
        graceful(context.err) as interrupt,
    ):
        plan = supposed(run, policy)
        result = run.execute(plan, Pace(wait=False), emit, interrupt, refusal=refusal)
    return not result.lacking


def supposed(run: Run, policy: Policy) -> Plan:
    """What the order would take away, had the ledger taken it."""
    from botbottle.executor import only_taking

    view = _held(run, run.session.view(run.declared), policy)
    plan = run.session.plan(run.declared, only=run.only, view=view)
    return replace(plan, ops=only_taking(plan.ops))


def _held(run: Run, view: LedgerView, policy: Policy) -> LedgerView:
    """``view`` with the order; what a kill holds already stays killed."""
    from botbottle.model.ledger_view import HoldRecord
    from botbottle.model.paths import account

    now, holds = time.time(), dict(view.holds)
    for name in run.only:
        key = account(run.declared.project.id, name)
        if key not in holds or holds[key].policy != "kill":
            holds[key] = HoldRecord(key, policy, "operator", "", f"unrecorded:{now}", now)
    return replace(view, holds=holds)
