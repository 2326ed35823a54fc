"""Walk a plan: threads for ops, one loop that decides what starts next, no other decisions."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from botbottle.errors import BBError, EngineUnreachable, LedgerError
from botbottle.executor import ready
from botbottle.executor.api import Failure, NotStarted, Result, Tools, Why
from botbottle.executor.attempt import Attempt
from botbottle.executor.dag import Dag
from botbottle.executor.pool import Pool
from botbottle.executor.report import about
from botbottle.model.plan import Op, Plan, StartContainer
from botbottle.ui import events


class Walk(Struct):
    """One execution. Only `attempt` runs in worker threads."""

    plan: Plan
    tools: Tools
    attempt: Attempt
    fence: Callable[[], bool]
    fail_fast: bool
    meanwhile: Callable[[], None]
    done: list[Op] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)
    stop: Why | None = None
    last_start: float = 0.0  # when the newest start of a container had ended

    def execute(self, parallel: int, settle: bool) -> Result:
        clock, dag = self.tools.clock, Dag(self.plan.ops)
        start = clock.now()
        self._emit(events.RunStarted(ts=start, ops=len(self.plan.ops), digest=self.plan.digest))
        self._loop(dag, max(1, parallel))
        if self.attempt.records.refusal is not None:
            self.stop = self.stop or "fail-fast"
        for op in dag.rest():
            self._skip(op, self.stop or "interrupted")
        self._tell_unrecorded()
        if settle and self.stop is None:
            self._settle()
        return self._result(start)

    def _loop(self, dag: Dag, parallel: int) -> None:
        pool = Pool(self.attempt.of, threads=parallel > 1)
        flying = 0
        bug: BaseException | None = None
        while True:
            while flying < parallel and (op := dag.take()) is not None:
                if not self._may_start():
                    dag.put_back(op)
                    break
                if self._passes_over(dag, op):
                    continue
                pool.submit(op)
                flying += 1
            if not flying:
                break
            ended = pool.finished()
            flying -= len(ended)
            for one in sorted(ended, key=lambda f: dag.order[f.op.id]):
                if one.bug is not None:
                    bug, self.stop = bug or one.bug, "fail-fast"
                else:
                    self._finish(dag, one.op, one.error)
        if bug is not None:
            raise bug

    def _may_start(self) -> bool:
        if self.stop is None and self.tools.cancelled():
            self.stop = "interrupted"
        if self.stop is None and not self.fence():
            self.stop = "fenced"
        return self.stop is None

    def _passes_over(self, dag: Dag, op: Op) -> bool:
        """Once the ledger has refused, only what takes away is started: a disk that is full must
        not hold up a stop."""
        records = self.attempt.records
        if records.refusal is None or records.takes(op):
            return False
        self._skip(op, "fail-fast")
        for blocked in dag.failed(op):
            self._skip(blocked, "blocked", op.id)
        return True

    def _finish(self, dag: Dag, op: Op, error: BBError | None) -> None:
        if error is None:
            self.done.append(op)
            if isinstance(op, StartContainer):
                self.last_start = self.tools.clock.now()
            dag.done(op)
            return
        if isinstance(error, ready.Interrupted):
            self.stop = self.stop or "interrupted"
            self._skip(op, "interrupted")
            return
        self.failed.append(Failure(op, error))
        if op.best_effort:
            dag.done(op)
            return
        for blocked in dag.failed(op):
            self._skip(blocked, "blocked", op.id)
        if isinstance(error, LedgerError):
            records = self.attempt.records
            records.refusal = records.refusal or error
        if self.fail_fast or isinstance(error, EngineUnreachable):
            self.stop = self.stop or "fail-fast"

    def _tell_unrecorded(self) -> None:
        """What was done without the journal, and what there is to do about it."""
        records = self.attempt.records
        if not records.unrecorded:
            return
        done = ", ".join(sorted({op.id for op in records.unrecorded}))
        message = (
            f"not recorded, as the ledger refused ({records.refusal}): {done}; "
            "make it writable, then run the same command again"
        )
        self._emit(events.Note(ts=self.tools.clock.now(), level="warning", message=message))

    def _settle(self) -> None:
        """Containers that were started must stay up; one that does not is a failed start."""
        started = [
            (op, self.attempt.names.container(op.ref))
            for op in self.done
            if isinstance(op, StartContainer)
        ]
        whole = not (self.failed or self.not_started)
        look = self.meanwhile if whole else ready.nothing
        for op, error in ready.check_running(started, self.tools, look, self.last_start):
            self.done.remove(op)
            self.failed.append(Failure(op, error))
            self.attempt.tell_failure(op, error)

    def _skip(self, op: Op, why: Why, by: str = "") -> None:
        self.not_started.append(NotStarted(op, why, by))
        self._emit(events.OpBlocked(**about(op, self.tools.clock.now()), why=why, by=by))

    def _emit(self, event: events.Event) -> None:
        self.tools.emit(event)

    def _result(self, start: float) -> Result:
        order = {op.id: n for n, op in enumerate(self.plan.ops)}
        now = self.tools.clock.now()
        self._emit(
            events.RunDone(
                ts=now,
                done=len(self.done),
                failed=len(self.failed),
                not_started=len(self.not_started),
            )
        )
        return Result(
            done=tuple(sorted(self.done, key=lambda op: order[op.id])),
            failed=tuple(sorted(self.failed, key=lambda f: order[f.op.id])),
            not_started=tuple(sorted(self.not_started, key=lambda n: order[n.op.id])),
            seconds=now - start,
            ids=self.attempt.names.as_dict(),
            refusal=self.attempt.records.refusal,
        )
