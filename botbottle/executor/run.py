"""Carry out a plan: what the executor works with, put together for one run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from botbottle.engine.api import EngineWrite
from botbottle.errors import LedgerError
from botbottle.executor.api import (
    Clock,
    Control,
    Images,
    LedgerWrite,
    Result,
    Tools,
)
from botbottle.executor.attempt import Attempt
from botbottle.executor.names import Names
from botbottle.executor.records import Records
from botbottle.executor.walk import Walk
from botbottle.ledger.api import Journaling
from botbottle.model.plan import Plan
from botbottle.ui import events
from botbottle.vault import Vault


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
    refusal: LedgerError | None = None,
) -> Result:
    """Carry out every op of ``plan`` in dependency order, ``parallel`` at a time.

    A failure blocks what depends on it and nothing else (``fail_fast``: everything not yet
    started). ``cancelled`` true: ops in flight are finished, no other is started. ``fence`` is
    asked before each op whether this process may still write. ``journal`` gets an intent before
    and an outcome after each op, under ``run``. ``settle``: at the end, containers that were
    started must be running for a few samples; ``meanwhile`` is called between these, when all
    was done, and again when a look after that call failed. Without anything to wait for it is not
    called. ``refusal``: the ledger has refused what comes before a plan. Then, and once it refuses
    during the run, only what takes away goes on (``taking``), is not recorded and is told of.
    Never raises for a failing op: see the Result.
    Other exceptions are bugs and come out after the ops in flight have ended.
    """
    serial = threading.Lock()

    def emit_in_turn(event: events.Event) -> None:
        with serial:
            emit(event)

    tools = Tools(
        engine, control, ledger, vault, images, clock or SystemClock(), emit_in_turn, cancelled
    )
    records = Records(plan.project, run, journal, plan.ops, refusal)
    attempt = Attempt(tools, records, run, Names())
    walk = Walk(plan, tools, attempt, fence, fail_fast, meanwhile)
    return walk.execute(parallel, settle)
