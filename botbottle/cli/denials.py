"""``bb denials NAME``: what a bottle's sidecar refused, and what would have to change."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from botbottle.cli.context import Context
from botbottle.cli.routes import PROPOSABLE
from botbottle.ui.denied import place
from botbottle.ui.visible import visible


def register(app: typer.Typer) -> None:
    @app.command()
    def denials(
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(help="The bottle.")],
        limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
    ) -> int:
        """What a bottle's sidecar refused, and why."""
        context: Context = ctx.obj
        from botbottle.cli.instance import find, sidecar_of

        with sidecar_of(find(context, name)) as sidecar:
            found = sidecar.denials(limit)
        if json_:
            context.document(bottle=name, denials=found)
        else:
            context.out.writelines(line(d) for d in found)
            context.note_empty(found, f"bb denials: {name} was refused nothing")
            context.out.flush()
            context.err.write(way_on(name, found))
        return 0


def way_on(name: str, found: Iterable[Mapping[str, Any]]) -> str:
    """Where to go from what a route could allow; empty when none could."""
    if not any(denial.get("code") in PROPOSABLE for denial in found):
        return ""
    return f"bb routes suggest {name} makes routes of what you want to allow\n"


def line(denial: dict[str, Any]) -> str:
    """One denial for people."""
    stamp = time.strftime("%H:%M:%S", time.gmtime(float(denial.get("at", 0))))
    what = denial.get("code") or denial.get("event", "")  # a stream that was cut has no code
    text = f"{stamp}Z  {what}  {place(denial)}  {denial.get('reason', '')}"
    return visible(text + (f"  ({denial['remedy']})" if denial.get("remedy") else "")) + "\n"
