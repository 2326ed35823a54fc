"""``bb freezes``: snapshots of frozen bottles, what they take up, search them, remove old ones."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.cli.documents.records import Snapshot, Snapshots
from botbottle.cli.freezes_prune import (
    RETENTION,
    by_retention,
    frozen_accounts,
    listed,
    parse_age,
    remove_old,
    snapshot_images,
)
from botbottle.cli.options import Invocation, Option
from botbottle.cli.shared import Json
from botbottle.errors import Refused, UsageError
from botbottle.model import labels
from botbottle.planner.resume import volumes_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from botbottle.model.bottle import Declared
    from botbottle.model.ledger_view import FreezeRecord
    from botbottle.model.resources import ObservedImage
    from botbottle.session import Session


def freezes(
    ctx: Invocation,
    json_: Json = False,
    prune: Annotated[
        str,
        Option("--prune", help="Remove those older than 30d (h, d, w); or: retention."),
    ] = "",
    keep: Annotated[
        int, Option("--keep", low=0, help="With --prune: as many of each bottle stay.")
    ] = 0,
    scan: Annotated[
        bool, Option("--scan", help="Search every layer for the credentials at hand.")
    ] = False,
) -> int:
    """Snapshots of frozen bottles: list, search, remove old ones."""
    context = ctx.obj
    if prune not in ("", RETENTION):
        parse_age(prune)  # what cannot be read is said before anything is asked
    elif keep:
        raise UsageError("--keep goes with --prune AGE")
    session = open_session(context)
    declared = load_declared(context, session)
    if session.reading(declared) is None:
        raise Refused("nothing was ever applied here", code="BB7009", hint="bb apply")
    session.close()
    if prune:
        remove_old(context, session, declared, prune, keep)
    doomed = by_retention(session, declared)
    session.close()
    with closing(session.open_ledger(declared)) as ledger:
        images = snapshot_images(session)
        frozen = frozen_accounts(ledger)
        rows = [row(f, images, frozen, doomed) for f in listed(ledger, declared)]
    leaking = search(session, declared, rows) if scan else False
    write(context, rows, json_=json_)
    return 1 if leaking else 0


def write(context: Context, rows: Sequence[Snapshot], *, json_: bool) -> None:
    if json_:
        own, size = sum(r.own or 0 for r in rows), sum(r.size or 0 for r in rows)
        context.document(Snapshots(freezes=tuple(rows), own=own, size=size))
    else:
        context.out.write(table(rows))


def row(
    freeze: FreezeRecord,
    images: Mapping[str, ObservedImage],
    frozen: set[str],
    doomed: Mapping[str, str],
) -> Snapshot:
    """One snapshot as it is shown."""
    image = images.get(freeze.image)
    volumes = images.get(volumes_tag(freeze.image))
    return Snapshot(
        bottle=freeze.account.rpartition("/")[2],
        image=freeze.image,
        volumes=volumes_tag(freeze.image) if volumes else None,
        at=freeze.at,
        manifest_digest=freeze.manifest_digest,
        budget=position(image),
        size=image.size if image else None,
        own=volumes.size if volumes else None,
        frozen=freeze.account in frozen,
        retention=doomed.get(freeze.image),
    )


def position(image: ObservedImage | None) -> tuple[dict[str, Any], ...]:
    """The budgets written on a snapshot; empty when there are none."""
    try:
        found = json.loads(image.labels.get(labels.BUDGET, "[]")) if image else []
    except ValueError:
        return ()
    pools = found if isinstance(found, list) else []
    return tuple(p for p in pools if isinstance(p, dict))


def table(rows: Sequence[Snapshot]) -> str:
    """Newest first, for people."""
    lines = []
    for found in rows:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found.at))
        size = "missing" if found.size is None else f"{found.size / 1e6:,.0f} MB"
        own = "volumes not copied" if found.own is None else f"{found.own / 1e6:,.1f} MB own"
        state = "frozen" if found.frozen else "not frozen now"
        leaks = "".join(f"\n  holds a credential: {p}" for p in found.leaks or ())
        goes = f"  beyond retention: {found.retention}" if found.retention else ""
        told = f"{stamp}Z  {found.bottle}  {size}  {own}  {state}  {found.image}{goes}{leaks}"
        lines.append(f"{told}\n")
    return "".join(lines) or "no snapshots\n"


def search(session: Session, declared: Declared, rows: Sequence[Snapshot]) -> bool:
    """Search every layer of every snapshot, with what is packed in them, for the credentials at
    hand; adds ``leaks`` to each row, and ``searched_for`` (names). Whether there is any."""
    from botbottle.dlp.archives import searching
    from botbottle.providers import login

    names = session.facts(declared).secrets
    values = {n: v for n in names if (v := session.credentials.find(n))}
    secrets = {n: text.encode() for n, text in login.texts(values).items()}
    if not secrets:
        raise Refused("no credential is at hand to search for", code="BB7308",
                      hint="export the host variables that the bottles use")  # fmt: skip
    look = searching(secrets, session.key())
    for found in rows:
        tags = [t for t in (found.image if found.size is not None else None, found.volumes) if t]
        places = {p.text for tag in tags for p in look.scan(session.engine.save(tag)) if p.leak}
        found.leaks, found.searched_for = tuple(sorted(places)), tuple(sorted(secrets))
    return any(found.leaks for found in rows)
