"""``bb show FILE``: print a saved plan at any time, also when it is stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbottle.cli import saved
from botbottle.cli.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator


def register(app: typer.Typer) -> None:
    @app.command()
    def show(
        ctx: typer.Context,
        file: Annotated[Path, typer.Argument(help="A plan saved with bb plan --out.")],
        json_: Annotated[bool, typer.Option("--json", help="Print the document as it is.")] = False,
    ) -> int:
        """Print a saved plan, stale or not.

        Exit codes: 0 ok, 1 the file is no plan of bb, 64 usage.
        """
        context: Context = ctx.obj
        data = saved.read(context.path(file))
        if json_:
            context.out.write(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        else:
            context.out.writelines(f"{line}\n" for line in lines(data))
        context.out.flush()
        context.err.write(
            f"bb show: digest {data['digest']}; bb apply {file} applies it if it still holds\n"
        )
        return 0


def lines(data: dict[str, Any]) -> Iterator[str]:
    """The saved changes with their fields, reach, budgets and notices, as text."""
    yield f"plan of {data.get('project', '')} made by bb {data.get('bb_version', '')}"
    for change in data.get("changes", ()):
        yield f"  {change['action']:8} {change['resource']}  {change['reason']}"
        for field in change.get("fields", ()):
            yield f"      {field['path']}  {field['old'] or '(none)'} -> {field['new'] or '(none)'}"
    for row in data.get("reach", ()):
        yield f"  reach    {row['bottle']}  {row['reach']}: {row['text']}"
    for notice in data.get("notices", ()):
        needs = f"  (needs --allow {notice['needs']})" if notice.get("needs") else ""
        yield f"  {notice['code']}    {notice['bottle']}: {notice['message']}{needs}"
    if not data.get("changes"):
        yield "  nothing to do"
