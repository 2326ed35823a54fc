"""``bb freezes``: snapshots of frozen bottles, what they take up, search them, remove old ones."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.errors import Conflict, Refused, UsageError
from botbottle.model import labels
from botbottle.planner.resume import volumes_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from botbottle.engine.api import EngineWrite
    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Declared
    from botbottle.model.ledger_view import FreezeRecord
    from botbottle.model.resources import ObservedImage
    from botbottle.session import Session

UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400}


def register(app: typer.Typer) -> None:
    @app.command()
    def freezes(
        ctx: typer.Context,
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
        prune: Annotated[
            str, typer.Option("--prune", help="Remove those older than 30d, 12h, 4w.")
        ] = "",
        keep: Annotated[
            int, typer.Option("--keep", min=0, help="With --prune: as many of each bottle stay.")
        ] = 0,
        scan: Annotated[
            bool, typer.Option("--scan", help="Search every layer for the credentials at hand.")
        ] = False,
    ) -> int:
        """Snapshots of frozen bottles: list, search, remove old ones."""
        context: Context = ctx.obj
        age = parse_age(prune) if prune else None
        if keep and age is None:
            raise UsageError("--keep goes with --prune AGE")
        session = open_session(context)
        declared = load_declared(context, session)
        if session.reading(declared) is None:
            raise Refused("nothing was ever applied here", code="BB7009", hint="bb apply")
        session.close()
        if age is not None:
            remove_old(context, session, declared, time.time() - age, keep)
        ledger = session.open_ledger(declared)
        try:
            images = snapshot_images(session)
            frozen = frozen_accounts(ledger)
            rows = [row(f, images, frozen) for f in listed(ledger, declared)]
        finally:
            ledger.close()
        leaking = search(session, declared, rows) if scan else False
        write(context, rows, json_=json_)
        return 1 if leaking else 0


def write(context: Context, rows: list[dict[str, Any]], *, json_: bool) -> None:
    if json_:
        own = sum(r["own"] or 0 for r in rows)
        document = {"format_version": "1.0", "freezes": rows, "own": own,
                    "size": sum(r["size"] or 0 for r in rows)}  # fmt: skip
        context.out.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
    else:
        context.out.write(table(rows))


def parse_age(text: str) -> int:
    """Seconds of ``30d``, ``12h`` or ``4w``. Raises UsageError."""
    if text[:-1].isdigit() and text[-1] in UNITS:
        return int(text[:-1]) * UNITS[text[-1]]
    raise UsageError(f"--prune {text}: write an age such as 30d, 12h or 4w")


def listed(ledger: Ledger, declared: Declared) -> list[FreezeRecord]:
    """The project's snapshots, newest first."""
    project = declared.project.id
    return [f for f in ledger.freezes() if f.account.rpartition("/")[0] == project]


def snapshot_images(session: Session) -> dict[str, ObservedImage]:
    """This home's snapshots by tag, of file systems and of volumes."""
    found = session.engine.images(f"{labels.HOME}={session.paths.home_id}")
    return {tag: image for image in found for tag in image.tags}


def frozen_accounts(ledger: Ledger) -> set[str]:
    enforced = ledger.view(time.time()).enforced
    return {account for account, record in enforced.items() if record.policy == "freeze"}


def row(
    freeze: FreezeRecord, images: Mapping[str, ObservedImage], frozen: set[str]
) -> dict[str, Any]:
    """One snapshot. ``size`` in bytes includes the layers shared with the base image, ``own`` is
    what its volumes take; each is None when the engine has no such image (any more). ``budget``
    says where the bottle's pools stood."""
    image = images.get(freeze.image)
    volumes = images.get(volumes_tag(freeze.image))
    return {
        "bottle": freeze.account.rpartition("/")[2],
        "image": freeze.image,
        "volumes": volumes_tag(freeze.image) if volumes else None,
        "at": freeze.at,
        "manifest_digest": freeze.manifest_digest,
        "budget": position(image),
        "size": image.size if image else None,
        "own": volumes.size if volumes else None,
        "frozen": freeze.account in frozen,
    }


def position(image: ObservedImage | None) -> list[dict[str, Any]]:
    """The budgets written on a snapshot; empty when there are none."""
    try:
        found = json.loads(image.labels.get(labels.BUDGET, "[]")) if image else []
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def table(rows: list[dict[str, Any]]) -> str:
    """Newest first, for people."""
    lines = []
    for found in rows:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found["at"]))
        size = "missing" if found["size"] is None else f"{found['size'] / 1e6:,.0f} MB"
        own = "volumes not copied" if found["own"] is None else f"{found['own'] / 1e6:,.1f} MB own"
        state = "frozen" if found["frozen"] else "not frozen now"
        leaks = "".join(f"\n  holds a credential: {p}" for p in found.get("leaks", ()))
        name, image = found["bottle"], found["image"]
        lines.append(f"{stamp}Z  {name}  {size}  {own}  {state}  {image}{leaks}\n")
    return "".join(lines) or "no snapshots\n"


def search(session: Session, declared: Declared, rows: list[dict[str, Any]]) -> bool:
    """Search every layer of every snapshot, with what is packed in them, for the credentials at
    hand; adds ``leaks`` to each row, and ``searched_for`` (names). Whether there is any."""
    from botbottle.dlp.archives import searching
    from botbottle.providers import login

    names = session.facts(declared).secrets
    values = {n: v for n in names if (v := session.credential(n))}
    secrets = {n: text.encode() for n, text in login.texts(values).items()}
    if not secrets:
        raise Refused("no credential is at hand to search for", code="BB7308",
                      hint="export the host variables that the bottles use")  # fmt: skip
    look = searching(secrets, session.key())
    for found in rows:
        tags = [t for t in (found["image"] if found["size"] is not None else None,
                            found["volumes"]) if t]  # fmt: skip
        places = {p.text for tag in tags for p in look.scan(session.engine.save(tag)) if p.leak}
        found |= {"leaks": sorted(places), "searched_for": sorted(secrets)}
    return any(found["leaks"] for found in rows)


def remove_old(
    context: Context, session: Session, declared: Declared, before: float, keep: int
) -> None:
    """Remove snapshots taken before ``before``, except the newest ``keep`` of each bottle, the
    newest of a bottle that is frozen now (it may be resumed from it), and those that a container
    was made from; and what interrupted freezes left. Under the lock: no freeze is under way."""
    from botbottle.engine.docker import connect
    from botbottle.locking import project_lock

    lock = session.paths.lock(declared.project.id)
    with project_lock(lock, "freezes", timeout=context.lock_timeout):
        engine = connect(context.environ)
        ledger = session.open_ledger(declared, write=True)
        try:
            freezes = listed(ledger, declared)
            needed = newest(freezes, 1, frozen_accounts(ledger)) | newest(freezes, keep)
            for freeze in freezes:
                if freeze.at < before and freeze.image not in needed:
                    remove_one(context, engine, ledger, freeze)
            remove_unlisted(context, engine, freezes, snapshot_images(session), declared)
        finally:
            ledger.close()
            engine.close()


def newest(
    freezes: Iterable[FreezeRecord], count: int, accounts: set[str] | None = None
) -> set[str]:
    """The newest ``count`` snapshots of each bottle (of ``accounts`` only, if given)."""
    seen: dict[str, list[str]] = {}
    for freeze in sorted(freezes, key=lambda f: -f.at):
        if accounts is None or freeze.account in accounts:
            seen.setdefault(freeze.account, []).append(freeze.image)
    return {image for found in seen.values() for image in found[:count]}


def remove_one(context: Context, engine: EngineWrite, ledger: Ledger, freeze: FreezeRecord) -> None:
    """Images first: a record without an image is shown as missing, never the reverse."""
    try:
        engine.remove_image(freeze.image)
        engine.remove_image(volumes_tag(freeze.image))
    except Conflict:
        context.err.write(f"bb freezes: kept {freeze.image}: a container was made from it\n")
        return
    ledger.forget_freeze(freeze.account, freeze.image)
    context.err.write(f"bb freezes: removed {freeze.image}\n")


def remove_unlisted(
    context: Context,
    engine: EngineWrite,
    freezes: list[FreezeRecord],
    images: Mapping[str, ObservedImage],
    declared: Declared,
) -> None:
    """Images of snapshots that were interrupted before the ledger listed them."""
    known = {tag for f in freezes for tag in (f.image, volumes_tag(f.image))}
    for tag in sorted(images.keys() - known):
        marks = images[tag].labels
        if marks.get(labels.PROJECT) == declared.project.id and is_snapshot(marks):
            engine.remove_image(tag)
            context.err.write(f"bb freezes: removed {tag}, which was never finished\n")


def is_snapshot(marks: Mapping[str, str]) -> bool:
    return marks.get(labels.KIND, "") in ("snapshot", "snapshot-volumes")
