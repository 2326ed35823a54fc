"""``bb freezes``: snapshots of frozen bottles, what they take up, and removing old ones."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.errors import Conflict, Refused, UsageError
from botbottle.model import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botbottle.engine.api import EngineWrite
    from botbottle.ledger.api import Ledger
    from botbottle.model.ledger_view import FreezeRecord
    from botbottle.model.resources import ObservedImage

UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400}


def register(app: typer.Typer) -> None:
    @app.command()
    def freezes(
        ctx: typer.Context,
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
        prune: Annotated[
            str, typer.Option("--prune", help="Remove those older than 30d, 12h, 4w.")
        ] = "",
    ) -> int:
        """Snapshots of frozen bottles, with size and date; remove old ones."""
        context: Context = ctx.obj
        age = parse_age(prune) if prune else None
        session = open_session(context)
        declared = load_declared(context, session)
        if session.reading(declared) is None:
            raise Refused("nothing was ever applied here", code="BB7009", hint="bb apply")
        session.close()
        ledger = session.open_ledger(declared, write=age is not None)
        try:
            mine = [f for f in ledger.freezes() if project_of(f) == declared.project.id]
            images = {
                tag: image
                for image in session.engine.images(f"{labels.KIND}=snapshot")
                for tag in image.tags
            }
            if age is not None:
                removed = remove_old(context, ledger, mine, time.time() - age)
                mine = [f for f in mine if f.image not in removed]
            frozen = ledger.view(time.time()).enforced
        finally:
            ledger.close()
        held = {a for a, r in frozen.items() if r.policy == "freeze"}
        rows = [row(f, images, held) for f in mine]
        if json_:
            total = sum(r["size"] or 0 for r in rows)
            document = {"format_version": "1.0", "freezes": rows, "size": total}
            context.out.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
        else:
            context.out.write(table(rows))
        return 0


def parse_age(text: str) -> int:
    """Seconds of ``30d``, ``12h`` or ``4w``. Raises UsageError."""
    if text[:-1].isdigit() and text[-1] in UNITS:
        return int(text[:-1]) * UNITS[text[-1]]
    raise UsageError(f"--prune {text}: write an age such as 30d, 12h or 4w")


def project_of(freeze: FreezeRecord) -> str:
    return freeze.account.rpartition("/")[0]


def row(
    freeze: FreezeRecord, images: Mapping[str, ObservedImage], frozen: set[str]
) -> dict[str, Any]:
    """One snapshot. ``size`` in bytes includes the layers it shares with its base image; None
    when the engine has the image no more."""
    image = images.get(freeze.image)
    return {
        "bottle": freeze.account.rpartition("/")[2],
        "image": freeze.image,
        "at": freeze.at,
        "manifest_digest": freeze.manifest_digest,
        "size": image.size if image else None,
        "frozen": freeze.account in frozen,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Newest first, for people."""
    lines = []
    for found in rows:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found["at"]))
        size = "missing" if found["size"] is None else f"{found['size'] / 1e6:,.0f} MB"
        state = "frozen" if found["frozen"] else "not frozen now"
        lines.append(f"{stamp}Z  {found['bottle']}  {size}  {state}  {found['image']}\n")
    return "".join(lines) or "no snapshots\n"


def remove_old(
    context: Context, ledger: Ledger, freezes: list[FreezeRecord], before: float
) -> set[str]:
    """Remove snapshots taken before ``before``. Kept: the newest of a bottle that is frozen now
    (it may be resumed from it), and those that a container was made from."""
    from botbottle.engine.docker import connect

    keep = needed(freezes, {a for a, r in ledger.view(time.time()).enforced.items()
                            if r.policy == "freeze"})  # fmt: skip
    engine = connect(context.environ)
    try:
        old = [f for f in freezes if f.at < before and f.image not in keep]
        return {f.image for f in old if remove_one(context, engine, ledger, f)}
    finally:
        engine.close()


def needed(freezes: list[FreezeRecord], frozen: set[str]) -> set[str]:
    """The newest snapshot of each bottle that is frozen."""
    newest: dict[str, FreezeRecord] = {}
    for freeze in freezes:
        best = newest.get(freeze.account)
        if best is None or freeze.at > best.at:
            newest[freeze.account] = freeze
    return {f.image for account, f in newest.items() if account in frozen}


def remove_one(context: Context, engine: EngineWrite, ledger: Ledger, freeze: FreezeRecord) -> bool:
    """Image first: a record without an image is shown as missing, never the reverse."""
    try:
        engine.remove_image(freeze.image)
    except Conflict:
        context.err.write(f"bb freezes: kept {freeze.image}: a container was made from it\n")
        return False
    ledger.forget_freeze(freeze.account, freeze.image)
    context.err.write(f"bb freezes: removed {freeze.image}\n")
    return True
