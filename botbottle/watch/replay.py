"""Plan a recording again. Same inputs, same plans: a difference means that planning depends on
something it was not told, or that this bb plans otherwise than the one that recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from botbottle.errors import UsageError
from botbottle.model.bottle import Declared
from botbottle.model.decode import decode
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import Plan
from botbottle.model.resources import Observed
from botbottle.planner.facts import Facts
from botbottle.planner.plan import plan
from botbottle.watch.record import FORMAT, plan_digest
from botbottle.watch.select import Decision, decide

KILLED = "the watch was killed, or still records"
ENDS = {"closed": "", "full": "the recording was full"}  # what the last line says
DAMAGE = (LookupError, TypeError, ValueError, AttributeError)


class Replayed(Struct, frozen=True, kw_only=True):
    """One pass of the recording, planned again. ``differs`` names what came out otherwise."""

    number: int  # of the pass in the watch's log
    look: int  # 2: looked again under the lock, before anything was carried out
    at: float  # seconds since the epoch, the ledger's clock
    decision: Decision
    differs: tuple[str, ...]

    @property
    def plan(self) -> Plan:
        return self.decision.plan


class Ending(Struct, frozen=True, kw_only=True):
    """Where a recording ends. ``why`` is empty for one that ended in order."""

    line: int
    why: str


def header(line: str) -> Mapping[str, Any]:
    """The first line. Raises UsageError when it is none of this format."""
    try:
        data = json.loads(line)
        major = str(data["format"]).partition(".")[0]
        if data["type"] != "recording":
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        cut = "" if line.endswith("\n") else ": its first line is not whole, so nothing can be read"
        raise UsageError(f"not a recording of bb watch --record{cut}") from error
    if major != FORMAT.partition(".")[0]:
        raise UsageError(
            f"a recording of format {data['format']}; this bb reads {FORMAT}",
            hint=f"replay it with the bb that made it: bb {data.get('bb', '(unknown)')}",
        )
    return dict(data)


class Flight:
    """Every recorded pass in order; ``lines`` come after the header. Once it is iterated through,
    ``ending`` says where it ended and how. A watch that is killed leaves a last line that is not
    whole: that is an end. Any other damage raises UsageError with its line."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = _numbered(lines)
        self.ending = Ending(line=1, why=KILLED)

    def __iter__(self) -> Iterator[Replayed]:
        known: dict[str, Any] = {}
        for number, line, last in self._lines:
            try:
                data = json.loads(line)
                found = _read(data, known)
            except DAMAGE as error:
                if not last or line.endswith("\n"):
                    raise UsageError(f"line {number} is damaged: {type(error).__name__}") from error
                self.ending = Ending(line=number, why=f"not whole: {KILLED}")
                return
            self.ending = Ending(line=number, why=ENDS.get(data.get("why", ""), KILLED))
            if found is not None:
                yield found


def _read(data: dict[str, Any], known: dict[str, Any]) -> Replayed | None:
    """One line: a pass is planned again, an input is kept for the passes after it."""
    if data["type"] == "input":
        known[data["digest"]] = data["value"]
    return _again(data, known) if data["type"] == "pass" else None


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str, bool]]:
    """Line number from 2, text, whether it is the last one."""
    rest = iter(lines)
    held = next(rest, None)
    number = 2
    for line in rest:
        yield number, held or "", False
        held, number = line, number + 1
    if held is not None:
        yield number, held, True


def _again(data: Mapping[str, Any], known: Mapping[str, Any]) -> Replayed:
    view = replace(decode(LedgerView, known[data["view"]]), now=float(data["now"]))
    made = plan(
        decode(Declared, known[data["declared"]]),
        decode(Observed, known[data["observed"]]),
        view,
        decode(Facts, known[data["facts"]]),
    )
    unheard = frozenset(data.get("unheard", ()))  # a recording of 3.0 has none, one of 3.1 no look
    decision = decide(made, data["level"], frozenset(data["waiting"]), unheard)
    return Replayed(
        number=int(data["pass"]), look=int(data.get("look", 1)), at=view.now, decision=decision,
        differs=tuple(_differences(data, decision)),
    )  # fmt: skip


def _differences(data: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    if [op.id for op in decision.plan.ops] != data["ops"]:
        yield "operations"
    if [op.id for op in decision.part.ops] != data["part"]:
        yield "what was allowed"
    if decision.plan.digest != data["digest"]:
        yield "digest"
    if plan_digest(decision.plan) != data["plan"]:
        yield "plan"
