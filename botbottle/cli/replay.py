"""``bb replay FILE``: plan a recorded watch again, without an engine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.context import Context, wire
from botbottle.cli.documents.runs import ReplayedPass
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.errors import Exit, UsageError

if TYPE_CHECKING:
    from botbottle.watch.replay import Replayed


def replay(
    ctx: Invocation,
    file: Annotated[Path, Argument(help="A file of bb watch --record.")],
    only: Annotated[int, Option("--pass", help="Show the plan of this pass.")] = 0,
    json_: Annotated[bool, Option("--json", help="JSON lines, one a pass.")] = False,
) -> int:
    """Plan a recorded watch again, without an engine; 1 when a plan differs."""
    from botbottle.watch.replay import Flight, header

    context = ctx.obj
    shown = Shown()
    try:
        with context.path(file).open(encoding="utf-8", errors="replace", newline="\n") as lines:
            made = header(next(lines, ""))
            flight = Flight(lines)
            try:
                show(context, flight, shown, only=only, as_json=json_)
            finally:
                told = f"{shown.text} of {made['project']} recorded by bb {made['bb']}"
                context.err.write(f"bb replay: {told}, {shown.different} planned otherwise\n")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    end = flight.ending
    if end.why:
        context.err.write(f"bb replay: the recording ends at line {end.line}, {end.why}\n")
    if only and not shown.plans:
        raise UsageError(f"--pass {only}: the recording has no such pass")
    return int(Exit.FAILURE) if shown.different else int(Exit.OK)


@dataclass(slots=True)
class Shown:
    """What was printed. A pass that carried something out has two plans: it looked again."""

    plans: int = 0
    different: int = 0
    passes: set[int] = field(default_factory=set)

    @property
    def text(self) -> str:
        return f"{len(self.passes)} passes ({self.plans} plans)"


def show(
    context: Context, passes: Iterable[Replayed], shown: Shown, *, only: int, as_json: bool
) -> None:
    """Print each pass, and count it in ``shown``."""
    for found in passes:
        if only and found.number != only:
            continue
        shown.plans += 1
        shown.passes.add(found.number)
        shown.different += bool(found.differs)
        context.out.write((json.dumps(wire(replayed(found))) if as_json else line(found)) + "\n")
        if only and not as_json:
            from botbottle.ui.plan_text import render

            context.out.write(render(found.plan, full=True))


def replayed(found: Replayed) -> ReplayedPass:
    """One pass as its line has it."""
    return ReplayedPass(
        number=found.number,
        look=found.look,
        at=found.at,
        digest=found.plan.digest,
        operations=tuple(op.id for op in found.plan.ops),
        allowed=tuple(op.id for op in found.decision.part.ops),
        waiting=tuple(sorted(found.decision.waiting)),
        differs=found.differs,
    )


def line(found: Replayed) -> str:
    """One pass for people."""
    stamp = time.strftime("%H:%M:%S", time.gmtime(found.at))
    ops = f"{len(found.plan.ops)} planned, {len(found.decision.part.ops)} allowed"
    same = f"DIFFERS in {', '.join(found.differs)}" if found.differs else "same plan"
    again = "  under the lock" if found.look > 1 else ""
    return f"pass {found.number:4}  {stamp}  {ops}  {found.plan.digest}  {same}{again}"
