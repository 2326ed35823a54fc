"""``bb plan``: pure; reads, prints, exits. Takes no lock and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import known_bottles, load_declared, open_session
from botbottle.cli.context import Context
from botbottle.cli.launch import Bottle, Budget, overrides
from botbottle.cli.options import Invocation, Option
from botbottle.cli.saved import Picked, save
from botbottle.cli.shared import Only
from botbottle.errors import Exit, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from botbottle.model.bottle import Declared
    from botbottle.model.plan import Plan
    from botbottle.session import Session

FORMATS = ("text", "json", "markdown")


def plan(
    ctx: Invocation,
    json_: Annotated[bool, Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        str, Option("--format", envvar="BB_PLAN_FORMAT", help="text|json|markdown")
    ] = "text",
    out: Annotated[Path | None, Option("--out", help="Save the plan (0600).")] = None,
    diff: Annotated[
        bool, Option("--diff", help="Also: desired now against last applied, as a diff.")
    ] = False,
    full: Annotated[bool, Option("--full", help="Show every field.")] = False,
    detailed: Annotated[
        bool, Option("--detailed-exitcode", help="Exit 2 when there are changes.")
    ] = False,
    expect_none: Annotated[bool, Option("--expect-no-changes", help="The same, for CI.")] = False,
    deny: Annotated[
        str, Option("--deny", envvar="BB_DENY", help="widens: refuse a wider reach.")
    ] = "",
    only: Only = None,
    bottle: Bottle = None,
    budget: Budget = None,
) -> int:
    """Show what apply would change, and the reach each change adds.

    Exit codes: 0 planned, 2 changes are pending (--detailed-exitcode), 3 invalid manifests or
    a missing value, 7 --deny, 8 no engine or a taken name, 64 usage.
    """
    context = ctx.obj
    context.without_events("plan")
    form = form_of(context.one_form(output, json_=json_), diff=diff, deny=deny)
    target = context.product(out) if out else None
    session = open_session(context, overrides(budget, bottle), ask=True)
    declared = load_declared(context, session)
    chosen = known_bottles(declared, only or ())
    from botbottle.approval import foretold

    made = foretold(session.plan(declared, only=chosen), declared)
    if target:
        save(made, target, picked_of(only, bottle, budget))
    code = exit_code(made, detailed=detailed or expect_none)
    refused = bool(deny) and "widen" in made.needs
    write_plan(context, made, form, full=full)
    if diff:
        write_diff(context, session, declared, form, chosen)
    finish(context, made, "plan", int(Exit.REFUSED) if refused else code)
    if refused:
        raise Refused(
            "this plan widens what bottles can reach",
            code="BB7005",
            hint="see the reach section; approve with bb apply --yes --allow widen",
        )
    return code


def picked_of(only: list[str] | None, bottle: list[str] | None, budget: list[str] | None) -> Picked:
    return Picked(only=tuple(only or ()), bottle=tuple(bottle or ()), budget=tuple(budget or ()))


def form_of(form: str, *, diff: bool, deny: str) -> str:
    """The output format. Raises UsageError on what does not exist or go together."""
    if form not in FORMATS:
        raise UsageError(f"--format {form}: not one of {', '.join(FORMATS)}")
    if deny not in ("", "widens"):
        raise UsageError(f"--deny {deny}: only 'widens' is known")
    if diff and form == "json":
        raise UsageError(
            "--diff is for people and not part of the plan document",
            hint="bb plan --diff, with --format text or markdown",
        )
    return form


def exit_code(made: Plan, *, detailed: bool) -> int:
    """0, 2 for pending changes when asked, or the code of what blocks the plan."""
    from botbottle.approval import blocking_error

    if error := blocking_error(made):
        return int(error.exit_code)
    return int(Exit.CHANGES) if detailed and not made.empty else int(Exit.OK)


def write_plan(
    context: Context, made: Plan, form: str, *, full: bool = False, given: Collection[str] = ()
) -> None:
    """The plan on stdout in the wanted form. ``given``: approvals that text does not ask for."""
    if form == "json":
        from botbottle.ui.plan_json import dumps

        context.out.write(dumps(made))
    elif form == "markdown":
        from botbottle.ui.plan_markdown import render as markdown

        context.out.write(markdown(made))
    else:
        from botbottle.ui.plan_text import render

        context.out.write(render(made, full=full, given=given))
    context.out.flush()  # a question, or what is done next, is told elsewhere and stands below it


def write_diff(
    context: Context, session: Session, declared: Declared, form: str, only: Sequence[str]
) -> None:
    """What the manifests and launch options say now, against what was last applied."""
    from botbottle.model import canonical
    from botbottle.ui.desired import unified

    now = canonical.plain({"bottles": declared.bottles, "settings": declared.settings})
    before = session.applied(declared)
    text = unified(before or {}, now, ("applied", "desired"), only)
    text = text or "the desired set is the one that was last applied\n"
    if form == "markdown":
        text = f"\n```diff\n{text.replace('```', '` ` `')}```\n"
    context.out.write(text)


def finish(context: Context, made: Plan, verb: str, code: int, *, done: bool = False) -> None:
    """The stable last line on stderr."""
    from botbottle.ui.plan_text import last_line

    context.out.flush()
    context.err.write(last_line(verb, made, code, done=done))
