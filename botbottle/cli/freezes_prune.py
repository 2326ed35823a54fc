"""Removing snapshots: by age and count as told, or those that retention names."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from botbottle.cli.context import Context
from botbottle.errors import Conflict, UsageError
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
RETENTION = "retention"  # instead of an age
LONGEST = 7  # characters of an age: thousands of years


def parse_age(text: str) -> int:
    """Seconds of ``30d``, ``12h`` or ``4w``. Raises UsageError."""
    if text[:-1].isdecimal() and text[-1] in UNITS and len(text) <= LONGEST:
        return int(text[:-1]) * UNITS[text[-1]]
    raise UsageError(f"--prune {text}: write an age such as 30d, 12h or 4w, or {RETENTION}")


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


def by_retention(session: Session, declared: Declared) -> dict[str, str]:
    """Image → reason code of the snapshots that the settings let go."""
    from botbottle.planner.retention import needed_by, superfluous

    facts, view = session.facts(declared), session.view(declared)
    observed = session.observe(declared, facts)
    facts = session.with_snapshots(declared, facts, observed, view)
    found: dict[str, str] = {}
    for account, kept in sorted(view.freezes.items()):
        project, _, name = account.rpartition("/")
        if project == declared.project.id:
            usable = (*facts.snapshots.get(name, ()), *facts.snapshots_in_use)
            needed = needed_by(account, view, usable)
            found |= superfluous(declared.settings, kept, needed, view.now)
    return found


def remove_old(
    context: Context, session: Session, declared: Declared, prune: str, keep: int
) -> None:
    """Remove what retention names, or snapshots older than the age ``prune``, except the newest
    ``keep`` of each bottle, the newest of a bottle that is frozen now (it may be resumed from
    it), and those that a container was made from; and what interrupted freezes left. Under the
    lock: no freeze is under way."""
    from botbottle.engine.docker import connect
    from botbottle.locking import project_lock

    lock = session.paths.lock(declared.project.id)
    with project_lock(lock, "freezes", timeout=context.lock_timeout):
        engine = connect(context.environ)
        ledger = session.open_ledger(declared, write=True)
        try:
            freezes = listed(ledger, declared)
            doomed = (
                by_retention(session, declared)
                if prune == RETENTION
                else older(freezes, prune, keep, frozen_accounts(ledger))
            )
            for freeze in (f for f in freezes if f.image in doomed):
                remove_one(context, engine, ledger, freeze)
            if not doomed:
                context.err.write("bb freezes: no snapshot is to go\n")
            remove_unlisted(context, engine, freezes, snapshot_images(session), declared)
        finally:
            ledger.close()
            engine.close()


def older(freezes: list[FreezeRecord], prune: str, keep: int, frozen: set[str]) -> set[str]:
    """Images taken longer than ``prune`` ago that nothing needs."""
    before = time.time() - parse_age(prune)
    needed = newest(freezes, 1, frozen) | newest(freezes, keep)
    return {f.image for f in freezes if f.at < before} - needed


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
        context.err.write(f"bb freezes: kept {called(freeze)}: a container was made from it\n")
        return
    ledger.forget_freeze(freeze.account, freeze.image)
    context.err.write(f"bb freezes: removed {called(freeze)}\n")


def called(freeze: FreezeRecord) -> str:
    """A snapshot by bottle and date, as ``bb freezes`` lists it, and its image."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(freeze.at))
    return f"{freeze.account.rpartition('/')[2]} of {stamp}Z ({freeze.image})"


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
