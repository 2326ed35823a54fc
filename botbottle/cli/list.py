"""``bb list``: agents and bottles that are declared, and which of them are active.

Names come from file names alone, so a broken file does not hide the others. Whether a bottle is
active is the engine's word; without an engine that column says ``?`` and nothing fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from botbottle.cli.context import Context
from botbottle.cli.documents.bottles import Listing, ListRow
from botbottle.cli.options import Invocation, Option
from botbottle.cli.shared import Json
from botbottle.errors import EngineError, Exit
from botbottle.load.layers import Entry, Layers, agents, layers, scan


def rows(found: Layers, active: Mapping[str, str] | None) -> list[ListRow]:
    """Agents (project before home), then bottles; instances on the engine under their agent."""
    result = []
    for entry in agents(found).values():
        states = None if active is None else _instances(entry.name, active)
        result.append(_row("agent", entry, states))
    for entry in scan(found.home, "bottles", "home").entries.values():
        result.append(_row("bottle", entry, None))
    return result


def _row(kind: str, entry: Entry, states: dict[str, str] | None) -> ListRow:
    return ListRow(
        kind=kind, name=entry.name, layer=entry.layer, file=str(entry.path), active=states
    )


def _instances(agent: str, active: Mapping[str, str]) -> dict[str, str]:
    return {
        name: state
        for name, state in sorted(active.items())
        if name == agent or (name.startswith(f"{agent}-") and name[len(agent) + 1 :].isdigit())
    }


def show_list(context: Context, active: Mapping[str, str] | None, *, as_json: bool) -> int:
    """Print the table or the JSON document."""
    found, out = rows(layers(context.home, context.cwd), active), context.out
    if as_json:
        context.document(Listing(rows=tuple(found)))
        return int(Exit.OK)
    if not found:
        out.write("Nothing is declared. bb init writes a starter.\n")
    cells = [(r.kind, r.name, r.layer, _active(r)) for r in found]
    widths = [max((len(c[i]) for c in cells), default=0) for i in range(3)]
    for cell in cells:
        padded = (text.ljust(width) for text, width in zip(cell, widths, strict=False))
        out.write(f"{'  '.join(padded)}  {cell[3]}".rstrip() + "\n")
    return int(Exit.OK)


def _active(row: ListRow) -> str:
    if row.kind == "bottle":
        return ""
    if row.active is None:
        return "?"
    if not row.active:
        return "-"
    own = row.active.get(row.name)
    if own and len(row.active) == 1:
        return own
    return ", ".join(f"{name} {state}" for name, state in row.active.items())


def active_agents(context: Context) -> dict[str, str] | None:
    """Instance → state of this project's agent containers; None without an engine."""
    from botbottle.engine.reader import connect
    from botbottle.model import labels
    from botbottle.model.paths import HomePaths

    project = layers(context.home, context.cwd).project_id.id
    try:
        observed = connect(context.environ).observe(HomePaths(str(context.home)).home_id)
    except EngineError:
        return None
    return {
        c.labels[labels.BOTTLE]: c.state
        for c in observed.containers
        if c.labels.get(labels.KIND) == "agent" and c.labels.get(labels.PROJECT) == project
    }


def list_(
    ctx: Invocation,
    json_: Json = False,
    offline: Annotated[bool, Option("--offline", help="Do not ask the engine.")] = False,
) -> int:
    """Agents and bottles: available and active.

    Exit code: 0.
    """
    context = ctx.obj
    active = None if offline else active_agents(context)
    return show_list(context, active, as_json=json_)
