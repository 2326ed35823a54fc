"""``bb history``, ``bb diff``, ``bb undo``: every applied desired set, kept by content."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

from botbottle.cli.common import declared_ledger, load_declared, open_session
from botbottle.cli.consent import Consent
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.cli.run import Run
from botbottle.cli.shared import Allow, Approve, DoneJson, Json, Yes
from botbottle.errors import UsageError
from botbottle.ui.desired import unified

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger
    from botbottle.ledger.records import Generation


def history(
    ctx: Invocation,
    json_: Json = False,
) -> int:
    """Generations of this project, newest first."""
    context = ctx.obj
    with declared_ledger(context) as (declared, ledger):
        found = ended(ledger, declared.project.id, 50)
    if json_:
        from botbottle.cli.documents.records import History

        context.document(History(generations=tuple(found)))
    else:
        context.out.writelines(line(place, g) for place, g in enumerate(found, 1))
        context.note_empty(found, "bb history: nothing was applied to its end yet")
    return 0


def diff(
    ctx: Invocation,
    old: Annotated[str, Argument(help="A generation's digest, its beginning, or -1.")],
    new: Annotated[str, Argument(help="Another one.")] = "-1",
    json_: Annotated[bool, Option("--json", help="Print both documents.")] = False,
) -> int:
    """What differs between two generations (-1 is the newest, -2 the one before)."""
    context = ctx.obj
    with declared_ledger(context) as (declared, ledger):
        of = declared.project.id
        before, after = (document(ledger, pick(ledger, of, name)) for name in (old, new))
    if json_:
        from botbottle.cli.documents.records import Difference

        context.document(Difference(old=before, new=after))
    else:
        text = unified(before, after, (old, new))
        context.out.write(text)
        context.note_empty(text, "bb diff: no difference")
    return 0


def undo(
    ctx: Invocation,
    generation: Annotated[
        str,
        Argument(help="This one; else the newest that differs from the last."),
    ] = "",
    yes: Yes = False,
    allow: Allow = None,
    approve: Approve = "",
    json_: DoneJson = False,
) -> int:
    """Apply an older desired set, with the same approvals as any plan."""
    context = ctx.obj
    session = open_session(context)
    from botbottle.former import restore

    today = load_declared(context, session)
    with closing(session.open_ledger(today)) as ledger:
        chosen = (
            pick(ledger, today.project.id, generation)
            if generation
            else before_last(ledger, today.project.id)
        )
        declared = restore(ledger.document(chosen.digest) or "", today.project)
    run = Run(context, session, declared, "undo")
    run = run.for_machines() if json_ else run
    code = run.go(Consent(yes=yes, allow=tuple(allow or ()), digest=approve))
    context.err.write("the manifests are unchanged: the next bb apply follows them again\n")
    return code


def ended(ledger: Ledger, project: str, limit: int = 1000) -> tuple[Generation, ...]:
    """The newest sets that were applied to their end; the others keep only what is approved
    still, and say nothing new of what was wanted."""
    found = ledger.generations(project, limit=2 * limit)
    return tuple(g for g in found if g.plan_digest)[:limit]


def pick(ledger: Ledger, project: str, name: str) -> Generation:
    """A generation by digest prefix or by place (-1 newest, -2 the one before)."""
    if name.startswith("-") and not name[1:].isdecimal():
        raise UsageError(f"No such option: {name}", hint="a place is -1, -2, …: bb history")
    found = ended(ledger, project)
    if name.startswith("-"):
        place = int(name[1:])
        if 0 < place <= len(found):
            return found[place - 1]
    matching = [g for g in found if g.digest.startswith(name)]
    if len({g.digest for g in matching}) == 1:
        return matching[0]
    what = "no" if not matching else "more than one"
    raise UsageError(f"{what} generation matches {name!r}", hint="bb history lists them")


def before_last(ledger: Ledger, project: str) -> Generation:
    """The newest generation with another content than the last: orders and repairs apply the
    same set again. Raises UsageError when there is none."""
    found = ended(ledger, project)
    for generation in found:
        if generation.digest != found[0].digest:
            return generation
    raise UsageError("there is nothing to go back to", hint="bb history lists what was applied")


def document(ledger: Ledger, generation: Generation) -> dict[str, Any]:
    return dict(json.loads(ledger.document(generation.digest) or "{}"))


def line(place: int, found: Generation) -> str:
    """One generation, with the place that ``bb diff`` and ``bb undo`` take."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found.at))
    return f"{-place:>4}  {found.digest[:12]}  {stamp}Z  plan {found.plan_digest}  by {found.by}\n"
