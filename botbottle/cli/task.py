"""What is carried out for which verb, and how its end is told."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from msgspec import Struct
from msgspec.structs import replace

from botbottle.cli.plan import finish
from botbottle.errors import ApplyIncomplete, BBError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from botbottle.cli.context import Context
    from botbottle.cli.interrupt import Interrupt
    from botbottle.executor import Result
    from botbottle.ledger.records import Generation
    from botbottle.model.bottle import Declared
    from botbottle.model.plan import Plan
    from botbottle.session import Session


class Task(Struct, frozen=True):
    """``only``: these bottles; ``destroy``: to nothing;
    ``approves``: what is carried out becomes the reach that later plans compare with."""

    context: Context
    session: Session
    declared: Declared
    verb: str
    only: tuple[str, ...] = ()
    destroy: bool = False
    approves: bool = True
    machine: Context | None = None  # gets the result as one JSON document; the text goes to stderr

    def for_machines(self) -> Self:
        """The same run with its result as a JSON document on stdout and its text on stderr."""
        people = replace(self.context, out=self.context.err)
        return replace(self, context=people, machine=self.context)

    def plan(self) -> Plan:
        return self.session.plan(self.declared, only=self.only, destroy=self.destroy)

    def newest(self) -> Generation | None:
        """What was last approved, for ``settle``: taken before the plan."""
        return self.session.newest(self.declared)

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
        that second plan, where it was made already, after the last operation; what is kept since
        of what was applied may have emptied it."""
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
        second = planned[0] if planned and planned[0].empty else self.plan()
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
        from botbottle.cli.documents.runs import FailedOp, LeftOp, Outcome

        self.machine.document(
            Outcome(
                verb=self.verb,
                project=plan.project,
                digest=plan.digest,
                outcome=outcome,
                done=tuple(op.id for op in (result.done if result else ())),
                failed=tuple(
                    FailedOp(op=f.op.id, code=f.error.code, message=str(f.error), hint=f.error.hint)
                    for f in failed
                ),
                not_started=tuple(LeftOp(op=n.op.id, why=n.why, by=n.by) for n in left),
                seconds=round(result.seconds, 3) if result else 0.0,
            )
        )
        with self.read_or_told(f"the outcome is: {outcome}"):
            self.machine.out.flush()

    def end(self, plan: Plan) -> int:
        """The stable last line, after the warning about policies that nobody would carry out."""
        from botbottle.cli.unwatched import unwatched, warning

        if self.verb == "apply":
            found = unwatched(self.declared, self.session.view(self.declared))
            self.context.err.write(warning(found))
        with self.read_or_told("nothing is left to do"):
            finish(self.context, plan, self.verb, 0, done=True)
        return int(Exit.OK)

    @contextmanager
    def read_or_told(self, what: str) -> Iterator[None]:
        """Where whoever reads the product has left (``| head``): say what has become of the run,
        before the process ends for it."""
        try:
            yield
        except BrokenPipeError:
            self.say(f"nobody reads its output any more; {what}")
            raise

    def say(self, text: str) -> None:
        self.context.err.write(f"bb {self.verb}: {text}\n")
        self.context.err.flush()
