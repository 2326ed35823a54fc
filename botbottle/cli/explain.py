"""``bb explain BOTTLE.KEY.PATH``: where a value comes from, winners and losers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from botbottle.cli.context import Context
from botbottle.errors import Exit, ManifestError, UsageError
from botbottle.load import Loaded, explain_bottle, load_one
from botbottle.load.explaining import Explained
from botbottle.load.findings import did_you_mean
from botbottle.load.layers import names
from botbottle.load.render import text
from botbottle.model.bottle import BottleSpec
from botbottle.model.diagnostic import Origin
from botbottle.ui.visible import visible


def explain_query(
    query: str, home: Path, cwd: Path, as_json: bool, out: TextIO, err: TextIO
) -> int:
    """Explain a leaf, or all leaves below a key path. Reads only that bottle's files."""
    name, _, path = query.partition(".")
    spec, loaded = one_bottle(name, home, cwd, err)
    found = explain_bottle(spec, path)
    if as_json:
        body = {"format_version": "1.0", "bottle": name, "values": [wire(e, loaded) for e in found]}
        out.write(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    else:
        out.write(listing(found))
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


def wire(item: Explained, loaded: Loaded) -> dict[str, object]:
    """One leaf as plain JSON data; ``file`` is the path on this machine."""
    return {
        "path": item.path,
        "value": item.value,
        "winner": _wire_origin(item.winner, loaded),
        "overridden": [
            {**_wire_origin(said.origin, loaded), "value": said.text} for said in item.losers
        ],
    }


def _wire_origin(origin: Origin, loaded: Loaded) -> dict[str, object]:
    file = str(loaded.path_of(origin)) if origin.file else ""
    return {"layer": origin.layer, "file": file, "line": origin.line, "column": origin.column}


def register(app: typer.Typer) -> None:
    @app.command()
    def explain(
        ctx: typer.Context,
        query: Annotated[str, typer.Argument(help="For example web.egress.routes[2].")],
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
    ) -> int:
        """Where a value comes from: winners and losers.

        Exit codes: 0 ok, 3 the bottle's manifests are invalid, 64 no such bottle or key.
        """
        context: Context = ctx.obj
        return explain_query(query, context.home, context.cwd, json_, context.out, context.err)
