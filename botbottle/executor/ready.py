"""Waiting: until a sidecar answers, and that what was started keeps running."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from botbottle.errors import BBError, EngineError, Transient
from botbottle.executor.api import Clock, Tools
from botbottle.executor.report import waiting
from botbottle.model import labels
from botbottle.model.plan import AwaitReady, Ref, StartContainer
from botbottle.model.resources import ObservedContainer

POLL = 0.05  # seconds between looks
TELL = 10.0  # seconds between "still waiting" events
SAMPLES = 3  # a crash-looper is running, too, for a moment: so often it is looked at
SAMPLE_INTERVAL = 0.1  # seconds
STAYS = (SAMPLES - 1) * SAMPLE_INTERVAL  # so long after the last start each must still run

_GONE = ("exited", "dead", "removing")


class Interrupted(BBError):
    """The wait was given up because the run was interrupted; nothing was done."""

    code = "BB1011"


def wait(op: AwaitReady, ref: Ref, tools: Tools) -> None:
    """Until the sidecar is ready or the ledger service answers. Raises EngineError when its
    container ends or ``op.seconds`` pass, Interrupted on the first Ctrl-C."""
    clock, start = tools.clock, tools.clock.now()
    told, looked = start, start
    while True:
        state = _state(op, tools)
        if state == "":
            return
        now = clock.now()
        if now - looked >= 20 * POLL or now == start:
            looked = now
            _check_alive(tools.engine.container(ref), op.resource)
        if now - start >= op.seconds:
            raise EngineError(
                f"not ready after {op.seconds:.0f} s: {state}",
                where=op.resource,
                hint=f"bb logs {op.bottle}" if op.bottle else "bb logs ledger",
            )
        if tools.cancelled():
            raise Interrupted("interrupted while waiting", where=op.resource)
        if now - told >= TELL:
            told = now
            waiting(op, tools, now - start, state)
        clock.sleep(POLL)


def _state(op: AwaitReady, tools: Tools) -> str:
    """Empty when ready, else what is missing."""
    if not op.control:  # the ledger service has no control socket
        if tools.control.ledger_answers(tools.vault.ledger):
            return ""
        if tools.vault.ledger:
            tools.control.unlock_ledger(tools.vault.ledger)
        return "the ledger service does not answer"
    status = tools.control.status(op.control)
    if status is None:
        return "the control socket does not answer"
    return "" if status.ready else status.detail or "starting"


def _check_alive(container: ObservedContainer | None, resource: str) -> None:
    if container is None:
        raise EngineError("the container is gone", where=resource)
    if container.state in _GONE:
        raise EngineError(_ending(container), where=resource, hint=_logs(container))


def check_running(
    started: Sequence[tuple[StartContainer, Ref]],
    tools: Tools,
    meanwhile: Callable[[], None],
    begin: float,
) -> list[tuple[StartContainer, BBError]]:
    """Those of the containers started in this run that do not stay up. All are looked at
    together, so the wait does not grow with their number: right away, and up to ``SAMPLES`` times
    until one look was ``STAYS`` seconds after ``begin``, the end of the last start. A program that
    has ended with exit code 0 has done its work. ``meanwhile`` is called after the first look, and
    once more when a later one said nothing: a look of its own then makes up for it."""
    failures: dict[str, tuple[StartContainer, BBError]] = {}
    since: dict[str, str] = {}
    blind, looked = False, begin
    for sample in range(SAMPLES if started else 0):
        if sample == 1:
            meanwhile()
        elif looked - begin >= STAYS:
            break  # the look before this one was late enough
        _until(begin + sample * SAMPLE_INTERVAL, tools.clock)
        looked = tools.clock.now()
        for op, ref in started:
            try:
                error = None if op.id in failures else _sample(op, ref, tools, since)
            except Transient:
                blind |= sample > 0
                continue
            if error:
                failures[op.id] = (op, error)
    if blind and not failures:
        meanwhile()
    return [failures[op.id] for op, _ in started if op.id in failures]


def nothing() -> None:
    """For pauses in which nothing is to be done."""


def _until(moment: float, clock: Clock) -> None:
    left = moment - clock.now()
    if left > 0:
        clock.sleep(min(left, STAYS))


def _sample(op: StartContainer, ref: Ref, tools: Tools, since: dict[str, str]) -> BBError | None:
    """Raises Transient when this sample says nothing."""
    try:
        found = tools.engine.container(ref)
    except Transient:
        raise
    except BBError as error:
        return error
    if found is None:
        return EngineError("the container was removed right after start", where=op.resource)
    first = since.setdefault(op.id, found.started_at)
    restarted = found.state == "restarting" or found.started_at != first
    if restarted or (found.state in _GONE and (found.exit_code or found.oom_killed)):
        return EngineError(_ending(found), where=op.resource, hint=_logs(found))
    return None


def _ending(container: ObservedContainer) -> str:
    if container.oom_killed:
        return "the container ran out of memory right after start"
    if container.exit_code is None:
        return "the container ended right after start"
    return f"the container ended right after start with exit code {container.exit_code}"


def _logs(container: ObservedContainer) -> str:
    bottle = container.labels.get(labels.BOTTLE, "") or "ledger"
    return f"bb logs {bottle}"
