"""One op: written down before and after, tried again where that may help."""

from __future__ import annotations

from msgspec import Struct

from botbottle.errors import BBError, EngineUnreachable, Transient
from botbottle.executor import expect, ready
from botbottle.executor.api import Tools
from botbottle.executor.dispatch import carry_out
from botbottle.executor.names import Names
from botbottle.executor.records import Records
from botbottle.executor.report import about
from botbottle.model.plan import Op
from botbottle.ui import events

ATTEMPTS = 4


class Attempt(Struct, frozen=True):
    """How the ops of one run are tried; called in worker threads."""

    tools: Tools
    records: Records
    run: str
    names: Names

    def of(self, op: Op) -> BBError | None:
        """The error that remains, if any."""
        clock = self.tools.clock
        start = clock.now()
        try:
            entry = self.records.intent(op)
        except BBError as refused:  # what cannot be recorded is not done
            self.tell_failure(op, refused)
            return refused
        self.tools.emit(events.OpStarted(**about(op, start), reason=op.reason))
        error = self._with_retries(op)
        if error is None:
            self._outcome(entry, "done")
            now = clock.now()
            self.tools.emit(events.OpDone(**about(op, now), seconds=round(now - start, 3)))
            return None
        self._outcome(entry, "failed", f"{error.code}: {error}")
        if not isinstance(error, ready.Interrupted):
            self.tell_failure(op, error)
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
                self.tools.emit(
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

    def _outcome(self, entry: int | None, outcome: str, detail: str = "") -> None:
        try:
            self.records.outcome(entry, outcome, detail)
        except BBError as error:  # the op itself stands; the next plan looks at the world
            message = f"the outcome could not be recorded: {error}"
            self.tools.emit(
                events.Note(ts=self.tools.clock.now(), level="warning", message=message)
            )

    def tell_failure(self, op: Op, error: BBError) -> None:
        self.tools.emit(
            events.OpFailed(
                **about(op, self.tools.clock.now()),
                code=error.code,
                message=str(error),
                hint=error.hint,
                best_effort=op.best_effort,
            )
        )
