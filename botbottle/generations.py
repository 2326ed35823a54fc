"""What an apply keeps: every desired set that was carried out, and with it what was approved.

Later plans ask anew for what goes beyond that. The lock of the project is held by every caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from botbottle.ledger.api import Ledger
from botbottle.locking import operator
from botbottle.model import canonical
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.plan import CreateVolume, Plan
from botbottle.planner.approved import (
    copied_workspaces,
    counted,
    guard_of,
    kept_policies,
    narrowed,
    policies,
    reach_of,
    started,
    use_of,
)
from botbottle.planner.names import names
from botbottle.session import Session

PARTIAL = ""  # in place of a plan's digest: no plan was carried out to its end


def save(ledger: Ledger, declared: Declared, document: str, digest: str) -> None:
    """Keep a generation; ``digest`` is that of the plan that was carried out to its end."""
    project = declared.project.id
    ledger.save_generation(project, document, plan_digest=digest, by=operator(), now=time.time())


def narrow(session: Session, declared: Declared, ledger: Ledger, names: Collection[str]) -> None:
    """What today's manifests take away from these bottles is approved no longer, whoever carries
    it out and whether that comes to its end: it does not come back unasked. The lock is held."""
    kept = session.applied(declared)
    if kept is not None and narrows(kept, declared, names):
        left = narrowed(kept, declared, names)
        save(ledger, declared, canonical.canonical(left), PARTIAL)


def edited(kept: Mapping[str, Any], declared: Declared) -> bool:
    """Whether the kept set is another one than today's."""
    return bool(canonical.canonical(_set_of(declared)) != canonical.canonical(_set_in(kept)))


def renew(session: Session, declared: Declared, ledger: Ledger) -> None:
    """Keep today's set with what was approved before. There was nothing to do, and the lock is
    held: it is no generation of its own."""
    kept = session.applied(declared)
    if kept is not None and edited(kept, declared):
        before = {"policies": policies(kept)}  # an older bb kept them with the bottles alone
        today = canonical.canonical({**before, **kept, **_set_of(declared)})
        save(ledger, declared, today, PARTIAL)


def _set_of(declared: Declared) -> dict[str, Any]:
    return {"bottles": declared.bottles, "settings": declared.settings}


def _set_in(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {"bottles": kept.get("bottles"), "settings": kept.get("settings")}


def emptied(plan: Plan, home: str) -> set[str]:
    """The bottles whose workspace volume is made anew."""
    made = [op for op in plan.ops if isinstance(op, CreateVolume)]
    return {
        op.bottle for op in made if op.spec.name == names(home, plan.project, op.bottle).workspace
    }


def forget(session: Session, declared: Declared, ledger: Ledger, bottles: Collection[str]) -> None:
    """Nothing is in these workspaces: where the copy fails or is interrupted, it is made again."""
    kept = session.applied(declared) or {}
    copied = copied_workspaces(kept)
    left = {name: folder for name, folder in copied.items() if name not in bottles}
    if left != copied:
        save(ledger, declared, canonical.canonical({**kept, "workspaces": left}), PARTIAL)


def narrows(kept: Mapping[str, Any], declared: Declared, names: Collection[str]) -> bool:
    """Whether these bottles' manifests take something away from what was approved."""
    return narrowed(kept, declared, names) != kept


def generation(
    session: Session,
    declared: Declared,
    only: Sequence[str],
    held: Collection[str] = (),
    undone: Collection[str] | None = None,
) -> str:
    """The desired set as kept in the history, with the reach and the protection that were approved.

    Of bottles that were left out (``only``) or are ``held``, that of before: an order and whoever
    applies beside it have approved nothing that waits in their manifests. ``undone``: bottles that
    lack operations of an apply that has not come to its end; then the set is that of before, too,
    and only what was approved and done is new."""
    applied = session.applied(declared) or {}
    parts = _Parts(applied, started(declared), {*held, *(undone or ())}, only)
    unkept = {n for n in (b.name for b in declared.bottles) if parts.left_out(n, undone or ())}
    known = parts.before("guards").keys() & counted(applied)
    return canonical.canonical(
        {
            **_set_of(declared),
            **({} if undone is None else _set_before(applied, declared)),
            "reach": parts.mixed("reach", reach_of),
            "guards": parts.mixed("guards", lambda b: guard_of(b, declared.settings)),
            "counted": sorted({*parts.fresh, *known}),
            "uses": parts.mixed("uses", use_of),
            "policies": kept_policies(applied, declared, held, unkept),
            "workspaces": parts.mixed("workspaces", lambda b: b.workspace or None),
        }
    )


def _set_before(applied: Mapping[str, Any], declared: Declared) -> dict[str, Any]:
    return {
        "bottles": applied.get("bottles", ()),
        "settings": applied.get("settings", declared.settings),
    }


class _Parts(Struct, frozen=True):
    """What is kept by the name of a bottle: of some as it was (``applied``), of others as their
    ``specs`` have it today. ``left``: those of which nothing new is approved; ``only``: the others
    are not either, where it names any."""

    applied: Mapping[str, Any]
    specs: Mapping[str, BottleSpec]
    left: Collection[str]
    only: Sequence[str]

    @property
    def fresh(self) -> dict[str, BottleSpec]:
        return {n: b for n, b in self.specs.items() if not self.left_out(n, self.left)}

    def left_out(self, name: str, left: Collection[str]) -> bool:
        return name in left or bool(self.only and name not in self.only)

    def before(self, part: str) -> dict[str, Any]:
        """What stays as it was; of a bottle that is gone, or was stopped while it is ``left``,
        nothing."""
        kept: dict[str, Any] = self.applied.get(part, {})
        return {name: found for name, found in kept.items() if self._stays(name)}

    def _stays(self, name: str) -> bool:
        return name in self.specs if name in self.left else self.left_out(name, ())

    def mixed(self, part: str, of: Callable[[BottleSpec], Any]) -> dict[str, Any]:
        """``of`` a bottle None: it has none of this today."""
        today = {name: of(spec) for name, spec in self.fresh.items()}
        return self.before(part) | {n: found for n, found in today.items() if found is not None}
