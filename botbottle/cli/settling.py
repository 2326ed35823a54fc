"""The end of a run that finds nothing to do."""

from __future__ import annotations

from contextlib import closing, nullcontext, suppress
from typing import TYPE_CHECKING

from botbottle.errors import Locked

if TYPE_CHECKING:
    from botbottle.cli.task import Task
    from botbottle.ledger.records import Generation
    from botbottle.model.plan import Plan


def settle(run: Task, plan: Plan, newest: Generation | None, *, locked: bool = False) -> None:
    """With nothing to do the world is what the manifests say. What they have taken away since
    the last approval, a watch has carried out: that is approved no longer. What they say now that
    no operation shows (a limit on changes) is what was applied from now on. Who has the lock
    now sees to it as well. So has who approved something since: ``newest`` was the newest
    approval before the plan, and these manifests may be older than what came after it."""
    from botbottle.generations import edited, narrow, narrows, renew
    from botbottle.locking import project_lock

    session, declared = run.session, run.declared
    kept = session.applied(declared) if run.approves else None
    names = {n for n in (kept or {}).get("reach", ()) if not run.only or n in run.only}
    names -= {h.bottle for h in plan.held}
    whole = not run.only and not run.destroy
    if kept is None or not (narrows(kept, declared, names) or (whole and edited(kept, declared))):
        return
    lock = session.paths.lock(declared.project.id)
    with suppress(Locked), nullcontext() if locked else project_lock(lock, run.verb):
        if run.newest() != newest:
            return
        with closing(session.open_ledger(declared, write=True)) as ledger:
            narrow(session, declared, ledger, names)
            if whole:
                renew(session, declared, ledger)
