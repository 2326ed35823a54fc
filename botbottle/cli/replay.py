"""``bb replay FILE``: plan a recorded watch again, without an engine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbottle.cli.context import Context, wire
from botbottle.cli.documents.runs import ReplayedPass
from botbottle.errors import Exit, UsageError

if TYPE_CHECKING:
    from botbottle.watch.replay import Replayed


def register(app: typer.Typer) -> None:
    @app.command()
    def replay(
        ctx: typer.Context,
        file: Annotated[Path, typer.Argument(help="A file of bb watch --record.")],
        only: Annotated[int, typer.Option("--pass", help="Show the plan of this pass.")] = 0,
        json_: Annotated[bool, typer.Option("--json", help="JSON lines, one a pass.")] = False,
    ) -> int:
        """Plan a recorded watch again, without an engine; 1 when a plan differs."""
        from botbottle.watch.replay import header
        from botbottle.watch.replay import replay as again

        context: Context = ctx.obj
        try:
            with context.path(file).open(encoding="utf-8", errors="replace") as lines:
                made = header(next(lines, ""))
                count, different = show(context, again(lines), only=only, as_json=json_)
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from error
        if only and not count:
            raise UsageError(f"--pass {only}: the recording has no such pass")
        context.err.write(
            f"bb replay: {count} passes of {made['project']} recorded by bb {made['bb']}, "
            f"{different} planned otherwise\n"
        )
        return int(Exit.FAILURE) if different else int(Exit.OK)


def show(
    context: Context, passes: Iterator[Replayed], *, only: int, as_json: bool
) -> tuple[int, int]:
    """Print each pass; how many there were and how many differ."""
    count = different = 0
    for found in passes:
        if only and found.number != only:
            continue
        count += 1
        different += bool(found.differs)
        context.out.write((json.dumps(wire(replayed(found))) if as_json else line(found)) + "\n")
        if only and not as_json:
            from botbottle.ui.plan_text import render

            context.out.write(render(found.plan, full=True))
    return count, different


def replayed(found: Replayed) -> ReplayedPass:
    """One pass as its line has it."""
    return ReplayedPass(
        number=found.number,
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
    return f"pass {found.number:4}  {stamp}  {ops}  {found.plan.digest}  {same}"
