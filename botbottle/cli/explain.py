"""``bb explain BOTTLE.KEY.PATH``: where a value comes from, winners and losers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

from msgspec.structs import replace

from botbottle.cli.context import Context
from botbottle.cli.documents.bottles import Explanation, Place, Value
from botbottle.cli.options import Argument, Invocation
from botbottle.cli.shared import Json
from botbottle.errors import Exit, ManifestError, UsageError
from botbottle.load import Loaded, explain_bottle, load_one
from botbottle.load.explaining import Explained
from botbottle.load.findings import did_you_mean
from botbottle.load.layers import names
from botbottle.load.render import text
from botbottle.model.bottle import BottleSpec
from botbottle.model.diagnostic import Origin
from botbottle.ui.visible import visible


def explain_query(query: str, context: Context, *, as_json: bool) -> int:
    """Explain a leaf, or all leaves below a key path. Reads only that bottle's files."""
    name, _, path = query.partition(".")
    spec, loaded = one_bottle(name, context.home, context.cwd, context.err)
    found = explain_bottle(spec, path)
    if as_json:
        values = tuple(value(e, loaded) for e in found)
        context.document(Explanation(bottle=name, values=values))
    else:
        context.out.write(listing(found))
    return int(Exit.OK)


def one_bottle(name: str, home: Path, cwd: Path, err: TextIO) -> tuple[BottleSpec, Loaded]:
    """The effective bottle ``name``, reading nothing else. Findings go to ``err``.

    Raises UsageError for an unknown name and ManifestError for a broken chain.
    """
    loaded = load_one(name, home, cwd)
    err.write(text(loaded.diagnostics))
    if loaded.declared is None:
        raise ManifestError(
            f"the manifests of {name!r} have errors", hint="bb validate shows each with its place"
        )
    for spec in loaded.declared.bottles:
        if spec.name == name:
            return spec, loaded
    known = names(home, cwd)
    raise UsageError(f"there is no agent or bottle {name!r}", hint=did_you_mean(name, known))


def listing(found: Iterable[Explained]) -> str:
    """One block a leaf: value and winner, then what it overrode."""
    lines = []
    for item in found:
        lines.append(f"{item.path} = {item.value}")
        lines.append(f"    {origin_text(item.winner)}")
        for said in item.losers:
            value = f"  {said.text}" if said.text else ""
            lines.append(f"    overrides {origin_text(said.origin)}{value}")
    return "".join(f"{visible(line)}\n" for line in lines)


def origin_text(origin: Origin) -> str:
    """``home:bottles/web.md:4`` or ``default``."""
    return str(origin) if origin.file else "default"


def value(item: Explained, loaded: Loaded) -> Value:
    """One leaf as a document has it; ``file`` is the path on this machine."""
    losers = (replace(_place(said.origin, loaded), value=said.text) for said in item.losers)
    return Value(
        path=item.path,
        value=item.value,
        winner=_place(item.winner, loaded),
        overridden=tuple(losers),
    )


def _place(origin: Origin, loaded: Loaded) -> Place:
    file = str(loaded.path_of(origin)) if origin.file else ""
    return Place(layer=origin.layer, file=file, line=origin.line, column=origin.column)


def explain(
    ctx: Invocation,
    query: Annotated[str, Argument(help="For example web.egress.routes[2].")],
    json_: Json = False,
) -> int:
    """Where a value comes from: winners and losers.

    Exit codes: 0 ok, 3 the bottle's manifests are invalid, 64 no such bottle or key.
    """
    context = ctx.obj
    return explain_query(query, context, as_json=json_)
