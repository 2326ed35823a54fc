"""``bb show FILE``: print a saved plan at any time, also when it is stale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from botbottle.cli import saved
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping


def show(
    ctx: Invocation,
    file: Annotated[Path, Argument(help="A plan saved with bb plan --out.")],
    json_: Annotated[bool, Option("--json", help="Print the document as it is.")] = False,
) -> int:
    """Print a saved plan, stale or not.

    Exit codes: 0 ok, 1 the file is no plan of bb, 64 usage.
    """
    context = ctx.obj
    data = saved.read(context.path(file))
    if json_:
        context.out.write(as_json(data, file))
    else:
        context.out.write(text(data, file))
    context.out.flush()
    if saved.CHECKSUM not in data:
        context.err.write("bb show: it has no checksum, so nobody can tell whether it was edited\n")
    if words := saved.picked(data, saved.Picked()).words():
        context.err.write(visible(f"bb show: it was made with {words}") + "\n")
    context.err.write(
        f"bb show: digest {data['digest']}; bb apply {file} applies it if it still holds\n"
    )
    return 0


def as_json(data: Mapping[str, Any], path: Path) -> str:
    """The document as ``bb plan --json`` writes it. Raises BBError when it is nested too deep."""
    try:
        return saved.text_of(data)
    except RecursionError as error:
        raise saved.no_plan(path) from error


def text(data: Mapping[str, Any], path: Path) -> str:
    """The plan as ``bb plan`` showed it: changes with their fields, snapshots that go, drift,
    reach, budgets, holds and notices. The file may come from anywhere. Raises BBError."""
    from botbottle.model.decode import decode
    from botbottle.model.plan import Plan
    from botbottle.ui.plan_text import render

    try:
        shown = render(decode(Plan, {k: v for k, v in data.items() if k != "ops"}))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise saved.no_plan(path) from error
    head = f"plan of {data.get('project', '')} made by bb {data.get('bb_version', '')}\n"
    return visible(head + shown, keep="\n")
