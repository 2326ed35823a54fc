"""``bb denials [NAME]``: what sidecars refused, and what would have to change."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import convert, to_builtins

from botbottle.cli.context import Context
from botbottle.cli.documents.refusals import Denials, Denied
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.cli.routes import PROPOSABLE
from botbottle.cli.shared import Json
from botbottle.ui.denied import place
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping


def denials(
    ctx: Invocation,
    name: Annotated[str, Argument(help="The bottle; else every one declared.")] = "",
    limit: Annotated[int, Option("--limit", low=1, high=500)] = 50,
    json_: Json = False,
) -> int:
    """What sidecars refused, and why: of one bottle, or of all."""
    context = ctx.obj
    found = of_one(context, name, limit) if name else of_all(context, limit)
    if json_:
        context.document(found)
    else:
        show(context, found)
    return 0


def of_one(context: Context, name: str, limit: int) -> Denials:
    """Raises SidecarUnreachable when the bottle's sidecar does not answer."""
    from botbottle.cli.instance import find, sidecar_of

    with sidecar_of(find(context, name)) as sidecar:
        rows = sidecar.denials(limit)
    return Denials(bottle=name, denials=tuple(denied(name, r) for r in rows), unreachable=())


def of_all(context: Context, limit: int) -> Denials:
    """The newest of all bottles that are declared. A sidecar that does not answer hides no other:
    its bottle is named."""
    from botbottle.cli.common import load_declared, open_session
    from botbottle.control.adapter import ControlClient
    from botbottle.model.paths import HomePaths

    declared = load_declared(context, open_session(context))
    paths, project = HomePaths(str(context.home)), declared.project.id
    names = sorted(b.name for b in declared.bottles)
    folders = [paths.bottle(project, name).control for name in names]
    answers = ControlClient(paths.socket_root).denials(folders, limit)
    asked = list(zip(names, answers, strict=True))
    rows = [denied(name, row) for name, told in asked for row in told or ()]
    newest = sorted(rows, key=lambda row: row.at)[-limit:]
    silent = tuple(name for name, told in asked if told is None)
    return Denials(bottle=None, denials=tuple(newest), unreachable=silent)


def denied(bottle: str, row: Mapping[str, Any]) -> Denied:
    """A row of a sidecar's. What names its bottle is who was asked, not what it says."""
    return convert({**row, "bottle": bottle, "at": float(row.get("at", 0))}, Denied)


def show(context: Context, found: Denials) -> None:
    """For people: the refusals, the bottles that nothing is known of, and where to go on."""
    context.out.writelines(line(d, named=found.bottle is None) for d in found.denials)
    who = found.bottle or "no bottle that answers"
    context.note_empty(found.denials, f"bb denials: {who} was refused {_thing(found)}")
    context.out.flush()
    for name in found.unreachable:
        context.err.write(f"bb denials: the egress sidecar of {name} does not answer\n")
    for name in dict.fromkeys(d.bottle for d in found.denials):
        context.err.write(way_on(name, (d for d in found.denials if d.bottle == name)))


def _thing(found: Denials) -> str:
    return "nothing" if found.bottle else "anything"


def way_on(name: str, found: Iterable[Denied]) -> str:
    """Where to go from what a route could allow; empty when none could."""
    if not any(denial.code in PROPOSABLE for denial in found):
        return ""
    return f"bb routes suggest {name} makes routes of what you want to allow\n"


def line(denial: Denied, *, named: bool = False) -> str:
    """One denial for people; ``named``: with its bottle."""
    stamp = time.strftime("%H:%M:%S", time.gmtime(denial.at))
    who = f"{denial.bottle}  " if named else ""
    what = denial.code or denial.event or ""  # a stream that was cut has no code
    text = f"{stamp}Z  {who}{what}  {place(to_builtins(denial))}  {denial.reason or ''}"
    return visible(text + (f"  ({denial.remedy})" if denial.remedy else "")) + "\n"
