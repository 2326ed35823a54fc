"""A frozen bottle whose container is gone comes back from its snapshot. Pure.

While the container is still there, it is started again and no snapshot is needed. A container
that was made from a snapshot keeps it as its image until the image its recipe asks for is
another one; then it is replaced in the ordinary way. Volumes that are still there are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botbottle.model import labels
from botbottle.model.bottle import BottleSpec
from botbottle.model.ledger_view import EnforcementRecord, LedgerView
from botbottle.model.resources import Observed, ObservedContainer
from botbottle.planner.facts import Facts

MARK = "BB_RESUMED"  # variable of a resumed agent: the image its recipe asked for at that time


def snapshot_for(
    spec: BottleSpec,
    base: str,
    record: EnforcementRecord | None,
    agents: Sequence[ObservedContainer],
    facts: Facts,
) -> str:
    """Tag of the snapshot that the agent should be made from; empty: from ``base``, its recipe.

    ``agents`` are the bottle's own agent containers, ``record`` the carried-out action that has
    not been lifted. Only a freeze that is being
    resumed gives a snapshot, never a fresh apply."""
    known = facts.snapshots.get(spec.name, ())
    if not known:
        return ""
    made = [_stored(c.labels) for c in agents]
    if not made:
        resuming = record is not None and record.policy == "freeze"
        return known[0] if resuming else ""
    kept = {image for image, mark in made if image in known and mark == base}
    return next((tag for tag in known if tag in kept), "")


def candidates(
    project: str, observed: Observed, view: LedgerView
) -> dict[str, tuple[tuple[str, ...], frozenset[str]]]:
    """Bottle → (listed snapshots that a plan could ask for, newest first; those among them that
    a container was made from). For others the engine need not be asked whether they exist."""
    if not view.freezes:
        return {}
    marked = (c.labels for c in observed.containers if MARK in c.labels.get(labels.SPEC, ""))
    made = frozenset(_stored(found)[0] for found in marked)
    out = {}
    for key, listed in sorted(view.freezes.items()):
        owner, _, name = key.rpartition("/")
        record = view.enforced.get(key)
        frozen = record is not None and record.policy == "freeze"
        tags = tuple(f.image for f in listed if frozen or f.image in made)
        if owner == project and tags:
            out[name] = (tags, made.intersection(tags))
    return out


def made_by_hand(observed: Observed) -> frozenset[str]:
    """Ids of snapshot images that somebody made a container from: it has the image's labels."""
    kinds = ("snapshot", "snapshot-volumes")
    found = (c for c in observed.containers if c.labels.get(labels.KIND) in kinds)
    return frozenset(c.image_id for c in found)


def volumes_tag(snapshot: str) -> str:
    """Tag of the image that holds the volumes of a snapshot."""
    return f"{snapshot}-volumes"


def _stored(found: Mapping[str, str]) -> tuple[str, str]:
    """(image, mark) of the spec that a container was made from."""
    return str(_spec(found).get("image", "")), stored_env(found).get(MARK, "")


def stored_env(found: Mapping[str, str]) -> dict[str, str]:
    """The variables of the spec that a container was made from, by its labels."""
    try:
        return {str(name): str(value) for name, value in _spec(found).get("env", ())}
    except (ValueError, TypeError):
        return {}  # labels of a stranger's making: nothing to keep


def _spec(found: Mapping[str, str]) -> dict[str, Any]:
    try:
        spec = json.loads(found.get(labels.SPEC, "{}"))
    except ValueError:
        return {}
    return spec if isinstance(spec, dict) else {}
