"""Retention: which snapshots of a bottle are superfluous, and the ops that remove them. Pure.

Plans remove snapshots only where the settings say so (``freezes.remove: auto``), without another
question; otherwise ``bb freezes --prune retention`` does. The ops belong to a bottle key of their
own, ``NAME/snapshots``: an engine that refuses one holds up nothing of the bottle itself. They are
planned for the whole project only, so an operator's order about one bottle never removes any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from botbottle.model.bottle import Settings
from botbottle.model.ledger_view import FreezeRecord, LedgerView
from botbottle.model.plan import Action, ForgetSnapshot, RemoveImage, SaveVolumes, kept_of
from botbottle.planner.draft import Draft
from botbottle.planner.resume import volumes_tag

DAY = 86_400
COUNT, AGE = "retention-count", "retention-age"


def superfluous(
    settings: Settings,
    listed: Sequence[FreezeRecord],
    needed: frozenset[str],
    now: float,
    coming: int = 0,
) -> dict[str, str]:
    """Image → reason code of the snapshots that retention removes. ``listed``: one bottle's,
    newest first; ``needed``: images that stay whatever their age; ``coming``: snapshots that the
    same plan takes. Age counts in whole hours, so that two looks in a row agree."""
    limit = settings.freezes_max_days * DAY
    moment = now // 3600 * 3600
    found = {}
    for place, freeze in enumerate(listed, start=coming):
        if freeze.image in needed:
            continue
        if place >= settings.freezes_keep:
            found[freeze.image] = COUNT
        elif limit and moment - freeze.at > limit:
            found[freeze.image] = AGE
    return found


def needed_by(account: str, view: LedgerView, usable: Iterable[str]) -> frozenset[str]:
    """Images that a bottle may be resumed from or a container was made from. ``usable``: those
    that the engine knows of; while the bottle is held, its newest snapshot stays in any case."""
    listed = view.freezes.get(account, ())
    held = account in view.enforced or account in view.holds
    return frozenset((*usable, *(f.image for f in listed[:1] if held)))


def plan_retention(draft: Draft, settings: Settings, view: LedgerView) -> None:
    """Remove superfluous snapshots of every bottle of this project, declared or not."""
    if settings.freezes_remove != "auto":
        return
    for account, listed in sorted(view.freezes.items()):
        project, _, name = account.rpartition("/")
        if project != draft.project:
            continue
        saves = [op for op in draft.ops_of(name) if isinstance(op, SaveVolumes) and op.snapshot]
        fresh = {op.snapshot for op in saves} - {f.image for f in listed}
        facts = draft.facts
        usable = (*facts.snapshots.get(name, ()), *facts.snapshots_in_use)
        needed = needed_by(account, view, usable)
        found = superfluous(settings, listed, needed, view.now, len(fresh))
        after = tuple(op.id for op in saves)
        for image, reason in sorted(found.items()):
            _remove(draft, account, name, image, reason, after)


def _remove(
    draft: Draft, account: str, name: str, image: str, reason: str, after: tuple[str, ...]
) -> None:
    """Images first: a row without an image is shown as missing, never the reverse."""
    key, resource = kept_of(name), f"{name}/snapshot"
    draft.change(resource, key, Action.REMOVE, reason, note=image)
    for tag in (image, volumes_tag(image)):
        after = (
            draft.add(
                RemoveImage(
                    id=f"remove:{tag}",
                    resource=resource,
                    bottle=key,
                    reason=reason,
                    after=after,
                    tag=tag,
                )
            ),
        )
    draft.add(
        ForgetSnapshot(
            id=f"forget:{image}",
            resource=resource,
            bottle=key,
            reason=reason,
            after=after,
            account=account,
            image=image,
        )
    )
