"""``bb findings NAME``: what leak and injection detection saw; never the match itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from botbottle.cli.context import Context
from botbottle.model import canonical
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger


def register(app: typer.Typer) -> None:
    @app.command()
    def findings(
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(help="The bottle.")],
        limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
    ) -> int:
        """What leak and injection detection saw in a bottle's traffic."""
        context: Context = ctx.obj
        from botbottle.cli.budget import with_ledger
        from botbottle.cli.instance import find
        from botbottle.model.paths import account

        spec = find(context, name).spec
        key = account(spec.project, spec.name)

        def show(ledger: Ledger) -> int:
            rows = [
                canonical.plain(e) for e in ledger.events(account=key, kind="finding", limit=limit)
            ]
            if json_:
                context.document(bottle=name, findings=rows)
            else:
                context.out.writelines(line(r) for r in rows)
                context.note_empty(rows, f"bb findings: nothing was seen in {name}")
            return 0

        return with_ledger(context, show)


def line(row: dict[str, object]) -> str:
    """One finding for people: rule, place, fingerprint."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(float(str(row["at"]))))
    data = row["data"] if isinstance(row["data"], dict) else {}
    rest = "  ".join(f"{k}={v}" for k, v in sorted(data.items()) if k != "allowed_by")
    who = f"  allowed by {data['allowed_by']}" if "allowed_by" in data else ""
    return f"{stamp}Z  {visible(rest + who)}\n"
