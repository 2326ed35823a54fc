"""``bb top``: the fleet in a terminal, and the keys to steer it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.cli.options import Invocation, Option
from botbottle.errors import BBError, UsageError

if TYPE_CHECKING:
    from botbottle.model.bottle import Declared
    from botbottle.ui.top.live import LiveSource

WIDTH = 140  # columns of the plain table


def top(
    ctx: Invocation,
    read_only: Annotated[
        bool, Option("--read-only", help="Look only; no key changes anything.")
    ] = False,
    once: Annotated[bool, Option("--once", help="Print the fleet and exit.")] = False,
    json_: Annotated[
        bool, Option("--json", help="Print the fleet as a JSON document and exit.")
    ] = False,
) -> int:
    """The fleet in this terminal: watch it and steer it."""
    context = ctx.obj
    session = open_session(context)
    declared = load_declared(context, session)
    source = live(context, declared)
    if once or json_:
        return show_once(context, source, as_json=json_)
    return run(context, source, read_only=read_only)


def live(context: Context, declared: Declared) -> LiveSource:
    """The world; every thread gets a session of its own."""
    from botbottle.ui.top.live import LiveSource

    return LiveSource(lambda: open_session(context), declared)


def show_once(context: Context, source: LiveSource, *, as_json: bool) -> int:
    """One picture on stdout."""
    from botbottle.ui.top.arrange import arranged, table

    fleet = source.snapshot()
    if as_json:
        context.out.write(json.dumps(fleet.to_wire(), indent=2, sort_keys=True) + "\n")
    else:
        context.out.write(table(arranged(fleet, "name", ""), fleet.now, WIDTH))
    return 0


def run(context: Context, source: LiveSource, *, read_only: bool) -> int:
    """The dashboard until it is left. Raises UsageError without a terminal, BBError without
    Textual."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("bb top needs a terminal", hint="bb top --once --json prints the same")
    try:
        from botbottle.ui.top.app import Top
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise BBError(
            "bb top needs the package textual",
            code="BB1013",
            hint="pip install 'botbottle[top]'\nbb top --once --json works without it",
        ) from error
    from botbottle.ui.top.orders import Bb

    runner = None if read_only else Bb(context.home, context.cwd, context.environ)
    Top(source, runner).run(mouse=False)
    return 0
