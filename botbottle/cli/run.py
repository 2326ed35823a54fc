"""One apply, destroy, undo or order: from the plan that is shown to the verified end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, cast

from msgspec import Struct
from msgspec.structs import replace

from botbottle.cli.consent import Consent, ask, stale
from botbottle.cli.look import Look, only_shown
from botbottle.cli.plan import write_plan
from botbottle.cli.settling import settle
from botbottle.cli.task import Task
from botbottle.errors import BBError, LedgerUnavailable, PlanStale
from botbottle.reading import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from botbottle.cli.interrupt import Interrupt
    from botbottle.errors import LedgerError
    from botbottle.executor import Result
    from botbottle.ledger.api import Ledger
    from botbottle.ledger.records import Generation
    from botbottle.locking import Mark
    from botbottle.model.plan import Plan
    from botbottle.ui.events import Event

    type Emit = Callable[[Event], None]

TRIES = 3  # live state may move between the plan and the lock


class Pace(Struct, frozen=True, kw_only=True):
    """How to carry out: ops at a time, whether one failure stops all, and whether to wait until
    what was started has kept running for a moment. Waits that later ops need are never left out."""

    parallel: int = 4
    fail_fast: bool = False
    wait: bool = True


class Run(Task, frozen=True):
    """Carries it out."""

    def go(self, consent: Consent, pace: Pace | None = None) -> int:
        """Plan, get approval, lock, plan again, carry out, verify. Where live state moved before
        the lock was there, today's plan is shown and approved in its turn; a plan that was
        approved by its digest is carried out or refused."""
        from botbottle.approval import parse_allow, parse_digest

        parse_allow(consent.allow)  # a misspelt approval is said before the engine is asked
        parse_digest(consent.digest)
        with self.events() as emit:
            for _ in range(0 if consent.digest else TRIES - 1):
                with suppress(PlanStale):
                    return self.attempt(consent, pace or Pace(), emit)
                self.say("something moved in the meantime; it is planned again")
            return self.attempt(consent, pace or Pace(), emit)

    def attempt(self, consent: Consent, pace: Pace, emit: Emit) -> int:
        """Show today's plan, get it approved, and carry out that or nothing. Raises PlanStale."""
        from botbottle.approval import blocking_error, check_limits, parse_allow

        looked, newest = self.look(), self.newest()
        shown = self.plan()
        if consent.digest:
            shown = only_shown(shown, consent.ops)
        if shown.empty or consent.holds(shown) or consent.saved is None:
            with self.read_or_told("nothing was changed, as the plan was not shown"):
                write_plan(self.context, shown, "text", given=parse_allow(consent.allow))
        if error := blocking_error(shown):
            raise error
        if shown.empty:
            settle(self, shown, newest)
            self.document("nothing to do", shown)
            return self.end(shown)
        settings = self.declared.settings
        check_limits(shown, settings.max_changes, 0 if self.destroy else settings.max_deletes)
        ask(self.context, self.verb, shown, consent)
        return self.locked(shown, pace, emit, looked, newest)

    def look(self) -> Look | None:
        """Taken before a plan. None where the plan has to be made anew under the lock anyway: the
        lock is held or was never taken, or its fingerprints have no key yet."""
        from botbottle.locking import resting

        paths = self.session.paths
        mark = resting(paths.lock(self.declared.project.id))
        if mark is None or not Path(paths.fingerprint_key).exists():
            return None
        return Look(mark, self.session.revision(self.declared), monotonic())

    def still(self, looked: Look, rested: Mark | None) -> bool:
        """Under the lock: whether what was shown is what would be planned now."""
        return looked.holds(rested, self.session.revision(self.declared), monotonic())

    def events(self) -> AbstractContextManager[Emit]:
        from botbottle.ui.progress import events_to

        context = self.context
        return events_to(context.progress_mode, context.err, context.events, width=context.width)

    def locked(
        self,
        shown: Plan,
        pace: Pace,
        emit: Emit,
        looked: Look | None = None,
        newest: Generation | None = None,
    ) -> int:
        """Under the project's lock: only the approved diff, then the second plan. It is planned
        anew, unless the plan that was shown is as good as one that is made here."""
        from botbottle.applying import prepare_home
        from botbottle.locking import project_lock
        from botbottle.ui.plan_json import document

        paths = self.session.paths
        prepare_home(paths)
        with project_lock(
            paths.lock(self.declared.project.id),
            self.verb,
            timeout=self.context.lock_timeout,
            waiting=self.say,
        ) as rested:
            if looked is not None and self.still(looked, rested):
                return self.carry_out(shown, pace, emit)
            now = only_shown(self.plan(), {op.id for op in shown.ops})
            if now.empty:
                settle(self, now, newest, locked=True)
                self.say("another bb did this in the meantime; nothing is left to do")
                self.document("nothing to do", now)
                return self.end(now)
            approved = Consent(digest=shown.digest, saved=document(shown))
            if not approved.holds(now):
                raise stale(self.context, approved, now)
            return self.carry_out(now, pace, emit)

    def carry_out(self, plan: Plan, pace: Pace, emit: Emit) -> int:
        from botbottle.cli.interrupt import graceful

        second: list[Plan] = []

        def verify() -> None:
            second.clear()
            with suppress(BBError):  # it is planned again at the end, and told then
                second.append(self.plan())

        with graceful(self.context.err) as interrupt:
            result = self.execute(plan, pace, emit, interrupt, verify)
        if result.interrupted:
            self.document("interrupted", plan, result)
            return self.interrupted(result, interrupt)
        return self.conclude(plan, result, second)

    def ledger(self) -> Ledger:
        """For writing; one that can only be read refuses, and only what takes away goes on. So it
        is with one that cannot be used at all."""
        if self.session.refusal is not None:
            return cast("Ledger", Unusable(self.session.refusal))
        try:
            return self.session.open_ledger(self.declared, write=True)
        except LedgerUnavailable:
            return self.session.open_ledger(self.declared)

    def execute(
        self,
        plan: Plan,
        pace: Pace,
        emit: Emit,
        interrupt: Interrupt,
        verify: Callable[[], None] = lambda: None,
        refusal: LedgerError | None = None,
    ) -> Result:
        """``verify``: what may be done while it is seen whether everything stays up. ``refusal``:
        the ledger has refused already, so nothing of this is recorded."""
        from botbottle.applying import carry_out
        from botbottle.control.adapter import ControlClient
        from botbottle.engine.docker import connect

        ledger = self.ledger()
        try:
            return carry_out(
                self.session,
                # What is destroyed has to be approved again to come back.
                replace(self.declared, bottles=()) if self.destroy else self.declared,
                plan,
                engine=connect(self.context.environ),
                control=ControlClient(self.session.paths.socket_root),
                ledger=ledger,
                emit=emit,
                parallel=pace.parallel,
                fail_fast=pace.fail_fast,
                settle=pace.wait,
                meanwhile=verify,
                cancelled=interrupt,
                only=self.only,
                approve=self.approves,
                refusal=refusal or self.session.refusal,
            )
        finally:
            ledger.close()
