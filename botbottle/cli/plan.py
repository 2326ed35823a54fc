"""``bb plan``: pure; reads, prints, exits. Takes no lock and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.errors import Exit, Refused, UsageError

if TYPE_CHECKING:
    from botbottle.model.plan import Plan

Only = Annotated[list[str] | None, typer.Option("--only", help="Only these bottles.")]


def register(app: typer.Typer) -> None:
    @app.command()
    def plan(
        ctx: typer.Context,
        json_: Annotated[bool, typer.Option("--json", help="Print the plan document.")] = False,
        output: Annotated[str, typer.Option("--format", help="text, json or markdown.")] = "text",
        out: Annotated[Path | None, typer.Option("--out", help="Save the plan (0600).")] = None,
        detailed: Annotated[
            bool, typer.Option("--detailed-exitcode", help="Exit 2 when there are changes.")
        ] = False,
        expect_none: Annotated[
            bool, typer.Option("--expect-no-changes", help="The same, for CI.")
        ] = False,
        deny: Annotated[
            str, typer.Option("--deny", help="Refuse a plan that widens: widens.")
        ] = "",
        full: Annotated[bool, typer.Option("--full", help="Show every field.")] = False,
        only: Only = None,
    ) -> int:
        """Show what apply would change, and the reach each change adds."""
        context: Context = ctx.obj
        form = "json" if json_ else output
        if form not in ("text", "json", "markdown"):
            raise UsageError(f"--format {form}: not one of text, json, markdown")
        if deny not in ("", "widens"):
            raise UsageError(f"--deny {deny}: only 'widens' is known")
        session = open_session(context)
        declared = load_declared(context, session)
        made = session.plan(declared, only=only or ())
        if out:
            save(made, out)
        code = exit_code(made, detailed=detailed or expect_none)
        write_plan(context, made, form, full=full)
        finish(context, made, "plan", code)
        if deny and "widen" in made.needs:
            raise Refused(
                "this plan widens what bottles can reach",
                code="BB7005",
                hint="see the reach section; approve with bb apply --allow widen",
            )
        return code


def exit_code(made: Plan, *, detailed: bool) -> int:
    """0, 2 for pending changes when asked, or the code of what blocks the plan."""
    from botbottle.approval import blocking_error

    if error := blocking_error(made):
        return int(error.exit_code)
    return int(Exit.CHANGES) if detailed and not made.empty else int(Exit.OK)


def write_plan(context: Context, made: Plan, form: str, *, full: bool = False) -> None:
    """The plan on stdout in the wanted form."""
    if form == "json":
        from botbottle.ui.plan_json import dumps

        context.out.write(dumps(made))
    elif form == "markdown":
        from botbottle.ui.plan_markdown import render as markdown

        context.out.write(markdown(made))
    else:
        from botbottle.ui.plan_text import render

        context.out.write(render(made, full=full))


def finish(context: Context, made: Plan, verb: str, code: int) -> None:
    """The stable last line on stderr."""
    from botbottle.ui.plan_text import last_line

    context.out.flush()
    context.err.write(last_line(verb, made, code))


def save(made: Plan, path: Path) -> None:
    """Write the plan document, owner only, as a whole or not at all."""
    import os

    from botbottle.ui.plan_json import dumps

    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(dumps(made))
    new.replace(path)
