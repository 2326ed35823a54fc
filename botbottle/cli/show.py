"""``bb show FILE``: print a saved plan at any time, also when it is stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from botbottle.cli.apply import digest_of
from botbottle.cli.context import Context


def register(app: typer.Typer) -> None:
    @app.command()
    def show(
        ctx: typer.Context,
        file: Annotated[Path, typer.Argument(help="A plan saved with bb plan --out.")],
        json_: Annotated[bool, typer.Option("--json", help="Print the document as it is.")] = False,
    ) -> int:
        """Print a saved plan."""
        context: Context = ctx.obj
        digest = digest_of(file)
        text = file.read_text("utf-8")
        context.out.write(text if json_ else lines(json.loads(text)))
        context.err.write(
            f"bb show: digest {digest}; bb apply {file} applies it if it still holds\n"
        )
        return 0


def lines(data: dict[str, Any]) -> str:
    """The saved changes, reach and notices as text."""
    out = [f"plan of {data['project']} made by bb {data.get('bb_version', '')}"]
    out += [f"  {c['action']:8} {c['resource']}  {c['reason']}" for c in data.get("changes", ())]
    out += [f"  reach    {c['bottle']}  {c['reach']}: {c['text']}" for c in data.get("reach", ())]
    out += [f"  {n['code']}    {n['bottle']}: {n['message']}" for n in data.get("notices", ())]
    return "\n".join(out) + "\n"
