"""One apply, destroy, undo or order: from the plan that is shown to the verified end."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from botbottle.cli.consent import Consent, ask, stale
from botbottle.cli.plan import finish, write_plan
from botbottle.errors import ApplyIncomplete, BBError, Exit, Locked, PlanStale

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from botbottle.cli.context import Context
    from botbottle.cli.interrupt import Interrupt
    from botbottle.executor import Result
    from botbottle.ledger.records import Generation
    from botbottle.locking import Mark
    from botbottle.model.bottle import Declared
    from botbottle.model.plan import Plan
    from botbottle.session import Session
    from botbottle.ui.events import Event

    type Emit = Callable[[Event], None]

TRIES = 3  # live state may move between the plan and the lock
FRESH = 1.0  # seconds that a look stays good which nobody is known to have made wrong


class Pace(Struct, frozen=True, kw_only=True):
    """How to carry out: ops at a time, whether one failure stops all, and whether to wait until
    what was started has kept running for a moment. Waits that later ops need are never left out."""

    parallel: int = 4
    fail_fast: bool = False
    wait: bool = True


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


class Run(Struct, frozen=True):
    """What is carried out for which verb. ``only``: these bottles; ``destroy``: to nothing;
    ``approves``: what is carried out becomes the reach that later plans compare with."""

    context: Context
    session: Session
    declared: Declared
    verb: str
    only: tuple[str, ...] = ()
    destroy: bool = False
    approves: bool = True
    machine: Context | None = None  # gets the result as one JSON document; the text goes to stderr

    def for_machines(self) -> Run:
        """The same run with its result as a JSON document on stdout and its text on stderr."""
        people = replace(self.context, out=self.context.err)
        return replace(self, context=people, machine=self.context)

    def plan(self) -> Plan:
        return self.session.plan(self.declared, only=self.only, destroy=self.destroy)

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
        from botbottle.approval import blocking_error, check_limits

        looked, newest = self.look(), self.newest()
        shown = self.plan()
        if consent.digest:
            shown = only_shown(shown, consent.ops)
        if shown.empty or consent.holds(shown) or consent.saved is None:
            write_plan(self.context, shown, "text")
        if error := blocking_error(shown):
            raise error
        if shown.empty:
            self.settle(shown, newest)
            self.document("nothing to do", shown)
            return self.end(shown)
        settings = self.declared.settings
        check_limits(shown, settings.max_changes, 0 if self.destroy else settings.max_deletes)
        ask(self.context, self.verb, shown, consent)
        return self.locked(shown, pace, emit, looked, newest)

    def newest(self) -> Generation | None:
        """What was last approved, for ``settle``: taken before the plan."""
        return self.session.newest(self.declared)

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
                self.settle(now, newest, locked=True)
                self.say("another bb did this in the meantime; nothing is left to do")
                self.document("nothing to do", now)
                return self.end(now)
            approved = Consent(digest=shown.digest, saved=document(shown))
            if not approved.holds(now):
                raise stale(self.context, approved, now)
            return self.carry_out(now, pace, emit)

    def settle(self, plan: Plan, newest: Generation | None, *, locked: bool = False) -> None:
        """With nothing to do the world is what the manifests say. What they have taken away since
        the last approval, a watch has carried out: that is approved no longer. Who has the lock
        now sees to it as well. So has who approved something since: ``newest`` was the newest
        approval before the plan, and these manifests may be older than what came after it."""
        from botbottle.applying import narrow, narrows
        from botbottle.locking import project_lock

        kept = self.session.applied(self.declared) if self.approves else None
        names = {n for n in (kept or {}).get("reach", ()) if not self.only or n in self.only}
        names -= {h.bottle for h in plan.held}
        if kept is None or not narrows(kept, self.declared, names):
            return
        lock = self.session.paths.lock(self.declared.project.id)
        with suppress(Locked), nullcontext() if locked else project_lock(lock, self.verb):
            if self.newest() != newest:
                return
            ledger = self.session.open_ledger(self.declared, write=True)
            try:
                narrow(self.session, self.declared, ledger, names)
            finally:
                ledger.close()

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

    def execute(
        self,
        plan: Plan,
        pace: Pace,
        emit: Emit,
        interrupt: Interrupt,
        verify: Callable[[], None] = lambda: None,
    ) -> Result:
        """``verify``: what may be done while it is seen whether everything stays up."""
        from botbottle.applying import carry_out
        from botbottle.control.adapter import ControlClient
        from botbottle.engine.docker import connect

        ledger = self.session.open_ledger(self.declared, write=True)
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
            )
        finally:
            ledger.close()

    def interrupted(self, result: Result, interrupt: Interrupt) -> int:
        from botbottle.cli.outcome import groups

        self.context.err.write(groups(result))
        self.say(
            f"interrupted: {len(result.done)} done, {len(result.not_started)} not started; "
            "the same command goes on from here"
        )
        return interrupt.exit_code

    def conclude(self, plan: Plan, result: Result, planned: Sequence[Plan] = ()) -> int:
        """Report what was not done; else observe and plan again: it must be empty. ``planned``:
        that second plan, where it was made already, after the last operation."""
        from botbottle.cli.outcome import groups
        from botbottle.model.plan import is_retention

        if not result.ok:
            self.document("incomplete", plan, result)
            self.context.err.write(groups(result))
            raise ApplyIncomplete(
                f"{len(result.done)} operations done, {len(result.failed)} failed, "
                f"{len(result.not_started)} not started",
                hint=f"fix the cause and run the same command again: bb {self.verb}",
            )
        second = planned[0] if planned else self.plan()
        # An hour's change lets another snapshot go; one in use is kept.
        if wanted := sorted(op.id for op in second.ops if not is_retention(op.bottle)):
            self.document("did not converge", plan, result)
            fields = ", ".join(wanted)
            raise BBError(
                f"did not converge: a second plan still wants {fields}",
                code="BB4001",
                hint="bb plan --full shows the fields; if nobody else changes them, it is a bug",
            )
        self.document("applied", plan, result)
        return self.end(plan)

    def document(self, outcome: str, plan: Plan, result: Result | None = None) -> None:
        """What was done, for machines: the three groups by op id."""
        if self.machine is None:
            return
        failed = result.failed if result else ()
        left = result.not_started if result else ()
        self.machine.document(
            verb=self.verb,
            project=plan.project,
            digest=plan.digest,
            outcome=outcome,
            done=[op.id for op in (result.done if result else ())],
            failed=[
                {"op": f.op.id, "code": f.error.code, "message": str(f.error), "hint": f.error.hint}
                for f in failed
            ],
            not_started=[{"op": n.op.id, "why": n.why, "by": n.by} for n in left],
            seconds=round(result.seconds, 3) if result else 0.0,
        )

    def end(self, plan: Plan) -> int:
        """The stable last line, after the warning about policies that nobody would carry out."""
        from botbottle.cli.unwatched import unwatched, warning

        if self.verb == "apply":
            found = unwatched(self.declared, self.session.view(self.declared))
            self.context.err.write(warning(found))
        finish(self.context, plan, self.verb, 0, done=True)
        return int(Exit.OK)

    def say(self, text: str) -> None:
        self.context.err.write(f"bb {self.verb}: {text}\n")
        self.context.err.flush()


def only_shown(now: Plan, shown: Collection[str]) -> Plan:
    """Today's plan without snapshots that retention lets go but whose ops are not among the ids
    ``shown``: they are no part of a digest, and what nobody was shown is not removed."""
    from botbottle.model.plan import ForgetSnapshot, is_retention

    ops = tuple(op for op in now.ops if not is_retention(op.bottle) or op.id in shown)
    gone = {op.image for op in ops if isinstance(op, ForgetSnapshot)}
    changes = (c for c in now.changes if not is_retention(c.bottle) or c.note in gone)
    return replace(now, ops=ops, changes=tuple(changes))
