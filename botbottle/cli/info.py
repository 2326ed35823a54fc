"""``bb info NAME``: the effective configuration of one agent, with provenance."""

from __future__ import annotations

from typing import Annotated

from botbottle.cli.context import Context
from botbottle.cli.documents.bottles import Info
from botbottle.cli.explain import one_bottle, origin_text, value
from botbottle.cli.options import Argument, Invocation
from botbottle.cli.shared import Json
from botbottle.errors import Exit
from botbottle.load import explain_bottle
from botbottle.model.bottle import BottleSpec
from botbottle.ui.visible import visible


def show_info(name: str, context: Context, *, as_json: bool) -> int:
    """Print every effective value of one bottle and where it was written."""
    spec, loaded = one_bottle(name, context.home, context.cwd, context.err)
    found = explain_bottle(spec)
    if as_json:
        context.document(
            Info(
                bottle=spec.name,
                agent=spec.agent,
                project=spec.project,
                layer=spec.layer,
                ancestry=spec.ancestry,
                scopes=tuple(s.key for s in spec.scopes),
                prompt_characters=len(spec.prompt),
                values=tuple(value(e, loaded) for e in found),
            )
        )
        return int(Exit.OK)
    context.out.write(_head(spec))
    width = max(len(f"{e.path} = {e.value}") for e in found if len(e.value) < 60)
    for item in found:
        more = f" (+{len(item.losers)} overridden)" if item.losers else ""
        line = f"{item.path} = {item.value}"
        context.out.write(
            visible(f"  {line.ljust(width)}  {origin_text(item.winner)}{more}") + "\n"
        )
    return int(Exit.OK)


def _head(spec: BottleSpec) -> str:
    lines = [
        f"bottle {spec.name}  (agent {spec.agent}, project {spec.project}, from {spec.layer})",
        f"  made of   {' < '.join(spec.ancestry)}",
        f"  budgets   {' < '.join(s.key for s in spec.scopes if s.limits) or 'none'}",
        f"  prompt    {len(spec.prompt)} characters",
        "",
    ]
    return "\n".join(lines) + "\n"


def info(
    ctx: Invocation,
    name: Annotated[str, Argument(help="An agent, or one of its replicas.")],
    json_: Json = False,
) -> int:
    """The effective configuration of an agent, with provenance.

    Exit codes: 0 ok, 3 its manifests are invalid, 64 no such agent.
    """
    context = ctx.obj
    return show_info(name, context, as_json=json_)
