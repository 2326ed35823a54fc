"""``bb logs``: output of a bottle's agent or sidecar, or of the ledger service."""

from __future__ import annotations

from typing import Annotated

import typer

from botbottle.cli.context import Context
from botbottle.errors import UsageError

PARTS = ("agent", "egress", "ledger")


def register(app: typer.Typer) -> None:
    @app.command()
    def logs(
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(help="The bottle.")],
        part: Annotated[str, typer.Option("--part", help="agent, egress or ledger.")] = "egress",
        tail: Annotated[int, typer.Option("--tail", min=0, help="Lines from the end.")] = 200,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing.")] = False,
    ) -> int:
        """Output of a bottle's agent or sidecar."""
        context: Context = ctx.obj
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
        for chunk in connect(context.environ).logs(Ref(target), tail=tail, follow=follow):
            context.out.write(chunk.decode("utf-8", "replace"))
            context.out.flush()
        return 0
