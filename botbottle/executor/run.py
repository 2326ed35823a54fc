"""Walk a plan: threads for ops, one loop that decides what starts next, no other decisions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from msgspec import Struct, field

from botbottle.engine.api import EngineWrite
from botbottle.errors import BBError, EngineUnreachable, LedgerError, Transient
from botbottle.executor import expect, ready
from botbottle.executor.api import (
    Clock,
    Control,
    Failure,
    Images,
    LedgerWrite,
    NotStarted,
    Result,
    Tools,
    Why,
)
from botbottle.executor.dag import Dag
from botbottle.executor.handlers import carry_out
from botbottle.executor.names import Names
from botbottle.executor.report import about
from botbottle.ledger.api import Journaling
from botbottle.model.plan import Op, Plan, StartContainer
from botbottle.ui import events
from botbottle.vault import Vault

ATTEMPTS = 4
_POLL = 0.1  # seconds between looks at `cancelled` while ops run


class SystemClock:
    """The real one."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def execute(
    plan: Plan,
    engine: EngineWrite,
    control: Control,
    ledger: LedgerWrite,
    vault: Vault,
    images: Images,
    *,
    parallel: int = 4,
    fail_fast: bool = False,
    journal: Journaling | None = None,
    run: str = "",
    emit: Callable[[events.Event], None] = lambda _event: None,
    cancelled: Callable[[], bool] = lambda: False,
    fence: Callable[[], bool] = lambda: True,
    clock: Clock | None = None,
    settle: bool = True,
    meanwhile: Callable[[], None] = lambda: None,
) -> Result:
    """Carry out every op of ``plan`` in dependency order, ``parallel`` at a time.

    A failure blocks what depends on it and nothing else (``fail_fast``: everything not yet
    started). ``cancelled`` true: ops in flight are finished, no other is started. ``fence`` is
    asked before each op whether this process may still write. ``journal`` gets an intent before
    and an outcome after each op, under ``run``. ``settle``: at the end, containers that were
    started must be running for a few samples; ``meanwhile`` is called between these, when all
    was done, and again when a look after that call failed. Without anything to wait for it is not
    called. Never raises for a failing op: see the Result.
    Other exceptions are bugs and come out after the ops in flight have ended.
    """
    serial = threading.Lock()

    def emit_in_turn(event: events.Event) -> None:
        with serial:
            emit(event)

    tools = Tools(
        engine, control, ledger, vault, images, clock or SystemClock(), emit_in_turn, cancelled
    )
    walk = _Walk(plan, tools, journal, run, fence, fail_fast, meanwhile)
    return walk.execute(parallel, settle)


class _Inline(Executor):
    """Runs each op at once, in the caller's thread: for one op at a time, no thread is needed."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - what a thread pool does; the loop re-raises
            future.set_exception(error)
        return future


class _Threads(Executor):
    """One thread an op (the caller limits how many). They are daemons, so a process that is told
    to stop now does not wait for an image build."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - what a thread pool does, as above
                future.set_exception(error)

        threading.Thread(target=work, name="bb-op", daemon=True).start()
        return future


def _pool(parallel: int) -> Executor:
    return _Inline() if parallel <= 1 else _Threads()


class _Walk(Struct):
    """One execution. Only `_attempt` runs in worker threads."""

    plan: Plan
    tools: Tools
    journal: Journaling | None
    run: str
    fence: Callable[[], bool]
    fail_fast: bool
    meanwhile: Callable[[], None]
    names: Names = field(default_factory=Names)
    done: list[Op] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)
    stop: Why | None = None

    def execute(self, parallel: int, settle: bool) -> Result:
        clock, dag = self.tools.clock, Dag(self.plan.ops)
        start = clock.now()
        self._emit(events.RunStarted(ts=start, ops=len(self.plan.ops), digest=self.plan.digest))
        pool = _pool(parallel)
        self._loop(dag, pool, max(1, parallel))
        for op in dag.rest():
            self._skip(op, self.stop or "interrupted")
        if settle and self.stop is None:
            self._settle()
        return self._result(start)

    def _loop(self, dag: Dag, pool: Executor, parallel: int) -> None:
        flying: dict[Future[BBError | None], Op] = {}
        bug: BaseException | None = None
        while True:
            while len(flying) < parallel and (op := dag.take()) is not None:
                if not self._may_start():
                    dag.put_back(op)
                    break
                flying[pool.submit(self._attempt, op)] = op
            if not flying:
                break
            finished, _ = wait(flying, timeout=_POLL, return_when=FIRST_COMPLETED)
            for future in sorted(finished, key=lambda f: dag.order[flying[f].id]):
                op = flying.pop(future)
                if (crash := future.exception()) is not None:
                    bug, self.stop = bug or crash, "fail-fast"
                else:
                    self._finish(dag, op, future.result())
        if bug is not None:
            raise bug

    def _may_start(self) -> bool:
        if self.stop is None and self.tools.cancelled():
            self.stop = "interrupted"
        if self.stop is None and not self.fence():
            self.stop = "fenced"
        return self.stop is None

    def _finish(self, dag: Dag, op: Op, error: BBError | None) -> None:
        if error is None:
            self.done.append(op)
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
        if self.fail_fast or isinstance(error, EngineUnreachable | LedgerError):
            self.stop = self.stop or "fail-fast"

    def _attempt(self, op: Op) -> BBError | None:
        """One op with journal and retries; the error that remains, if any."""
        clock = self.tools.clock
        start = clock.now()
        try:
            entry = self._intent(op)
        except BBError as refused:  # what cannot be recorded is not done
            self._report_failure(op, refused)
            return refused
        self._emit(events.OpStarted(**about(op, start), reason=op.reason))
        error = self._with_retries(op)
        if error is None:
            self._outcome(entry, "done")
            now = clock.now()
            self._emit(events.OpDone(**about(op, now), seconds=round(now - start, 3)))
            return None
        self._outcome(entry, "failed", f"{error.code}: {error}")
        if not isinstance(error, ready.Interrupted):
            self._report_failure(op, error)
        return error

    def _with_retries(self, op: Op) -> BBError | None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                expect.check(op, self.tools, self.names)
                carry_out(op, self.tools, self.names, self.run)
                return None
            except (Transient, EngineUnreachable) as error:
                if attempt == ATTEMPTS or self.tools.cancelled():
                    return error
                delay = getattr(error, "delay", 0.5) * 2 ** (attempt - 1)
                self._emit(
                    events.OpRetried(
                        **about(op, self.tools.clock.now()),
                        attempt=attempt,
                        delay=delay,
                        message=error.message,
                    )
                )
                self.tools.clock.sleep(delay)
            except BBError as error:
                return error
        raise AssertionError("unreachable: the last attempt returns")

    def _settle(self) -> None:
        """Containers that were started must stay up; one that does not is a failed start."""
        started = [
            (op, self.names.container(op.ref)) for op in self.done if isinstance(op, StartContainer)
        ]
        whole = not (self.failed or self.not_started)
        look = self.meanwhile if whole else ready.nothing
        for op, error in ready.check_running(started, self.tools, look):
            self.done.remove(op)
            self.failed.append(Failure(op, error))
            self._report_failure(op, error)

    def _intent(self, op: Op) -> int | None:
        if self.journal is None:
            return None
        return self.journal.intent(
            self.run,
            self.plan.project,
            op=type(op).__name__,
            op_id=op.id,
            resource=op.resource,
        )

    def _outcome(self, entry: int | None, outcome: str, detail: str = "") -> None:
        if self.journal is None or entry is None:
            return
        try:
            self.journal.outcome(entry, outcome, detail)
        except BBError as error:  # the op itself stands; the next plan looks at the world
            message = f"the outcome could not be recorded: {error}"
            self._emit(events.Note(ts=self.tools.clock.now(), level="warning", message=message))

    def _report_failure(self, op: Op, error: BBError) -> None:
        self._emit(
            events.OpFailed(
                **about(op, self.tools.clock.now()),
                code=error.code,
                message=str(error),
                hint=error.hint,
                best_effort=op.best_effort,
            )
        )

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
            ids=self.names.as_dict(),
        )
