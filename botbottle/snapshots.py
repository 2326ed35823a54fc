"""Which snapshots the engine still has, of those that a plan could ask for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from botbottle.engine.api import EngineRead
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.resources import Observed
from botbottle.planner.facts import Facts
from botbottle.planner.resume import candidates, made_by_hand, volumes_tag


def with_snapshots(
    engine: EngineRead, declared: Declared, facts: Facts, observed: Observed, view: LedgerView
) -> Facts:
    """The facts with those snapshots. A list of all images is dear: the few are asked for one by
    one, none where nothing is frozen and nothing was resumed."""
    known, saved = {}, set()
    for name, (tags, made) in candidates(declared.project.id, observed, view).items():
        have = _usable(engine, tags, made)
        saved |= {tag for tag in have if engine.image_id(volumes_tag(tag))}
        known[name] = have
    used = _in_use(engine, declared, observed, view)
    return replace(facts, snapshots=known, saved=frozenset(saved), snapshots_in_use=used)


def _in_use(
    engine: EngineRead, declared: Declared, observed: Observed, view: LedgerView
) -> frozenset[str]:
    """Listed snapshots that somebody runs by hand. Asks for nothing while nobody does."""
    ids = made_by_hand(observed)
    listed = (f for found in view.freezes.values() for f in found) if ids else ()
    own = [f.image for f in listed if f.account.rpartition("/")[0] == declared.project.id]
    return frozenset(
        tag for tag in own if any(engine.image_id(t) in ids for t in (tag, volumes_tag(tag)))
    )


def _usable(engine: EngineRead, tags: Sequence[str], made: frozenset[str]) -> tuple[str, ...]:
    """The newest that exists, and those that a container was made from."""
    found: list[str] = []
    for tag in tags:
        if (not found or tag in made) and engine.image_id(tag):
            found.append(tag)
    return tuple(found)
