"""``bb logs``: output of a bottle's agent or sidecar, or of the ledger service."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Annotated

from botbottle.cli.context import Context
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.errors import Refused, UsageError

PARTS = ("agent", "egress", "ledger")


def logs(
    ctx: Invocation,
    name: Annotated[str, Argument(help="The bottle.")],
    part: Annotated[str, Option("--part", help="agent, egress or ledger.")] = "egress",
    tail: Annotated[int, Option("--tail", low=0, help="Lines from the end.")] = 200,
    follow: Annotated[bool, Option("--follow", "-f", help="Keep printing.")] = False,
) -> int:
    """Output of a bottle's agent or sidecar."""
    context = ctx.obj
    from botbottle.cli.instance import find
    from botbottle.engine.reader import connect
    from botbottle.model.paths import HomePaths
    from botbottle.model.plan import Ref
    from botbottle.planner.names import ledger_name

    if part not in PARTS:
        raise UsageError(f"--part {part}: not one of {', '.join(PARTS)}")
    if part == "ledger":
        target = ledger_name(HomePaths(str(context.home)).home_id)
    else:
        called = find(context, name).names
        target = called.agent if part == "agent" else called.egress
    engine = connect(context.environ)
    if engine.container(Ref(target)) is None:
        raise Refused(
            f"{name} has no {part} container, so there is no output",
            code="BB7008",
            hint="bb status says what there is; bb apply starts it",
        )
    show(context, engine.logs(Ref(target), tail=tail, follow=follow))
    return 0


def show(context: Context, chunks: Iterable[bytes]) -> None:
    """The output as it comes; on a terminal without what would steer the terminal."""
    from botbottle.ui.visible import visible

    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    terminal = context.out.isatty()
    for chunk in chunks:
        text = decode(chunk)
        if terminal:
            text = visible(text.replace("\r\n", "\n"), keep="\n\t")
        context.out.write(text)
        context.out.flush()
