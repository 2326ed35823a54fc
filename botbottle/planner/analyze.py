"""Analyzers: what about a plan needs a second look, each with a code and the approval it asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from botbottle.budget.projection import exhausted_at
from botbottle.model.bottle import BottleSpec
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import (
    Action,
    BudgetRow,
    Notice,
    Reach,
    RegisterAccount,
    RemoveVolume,
)
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.draft import Draft
from botbottle.planner.enforce import governing, pool_key, pools_by_scope
from botbottle.planner.pending import as_registered
from botbottle.planner.policy import policy
from botbottle.planner.unmetered import unmetered_routes
from botbottle.planner.wanted import Wanted, providers_of


def analyze(draft: Draft, wants: Sequence[Wanted]) -> tuple[Notice, ...]:
    """All findings, in a stable order."""
    found = [
        *_widened(draft),
        *(n for want in wants for n in policy(draft, want)),
        *(
            notice
            for want in wants
            for notice in unmetered_routes(want.spec.name, _active(draft, want), want.config)
        ),
        *_raised(draft, wants),
        *_destroyed(draft),
    ]
    return tuple(sorted(found, key=lambda n: (n.code, n.bottle, n.message)))


def _widened(draft: Draft) -> Iterable[Notice]:
    """BB301: reach is added."""
    gained: dict[str, int] = {}
    for change in draft.reach:
        if change.reach is Reach.WIDENS:
            gained[change.bottle] = gained.get(change.bottle, 0) + 1
    for bottle, count in gained.items():
        yield Notice("BB301", bottle, f"widens egress: {count} added", "widen")


def _active(draft: Draft, want: Wanted) -> SidecarConfig | None:
    """What the bottle's running sidecar has active; of a held one, which has no routes, with those
    that were approved last, and where none is active what was, if that tells what was counted."""
    name = want.spec.name
    kept = next((c for c in draft.mine(name, "egress") if c.state == "running"), None)
    status = draft.observed.sidecars.get(kept.id) if kept else None
    active = status.config if status else None
    approved = draft.facts.guards.get(name)
    if active is None:
        return approved if name in draft.facts.counted else None
    if active.hold.policy and approved is not None:
        return replace(active, routes=approved.routes)
    return active


def _raised(draft: Draft, wants: Sequence[Wanted]) -> Iterable[Notice]:
    """BB310: what governs an account becomes larger, disappears or counts less (see ``raises``).
    Where nobody can approve that, it is told and waits."""
    given = {op.bottle for op in draft.ops if isinstance(op, RegisterAccount)}
    for want in wants:
        name = want.spec.name
        told = not want.registers and not draft.facts.raises
        if name not in given and not told:
            continue
        for text in want.raised:
            if told:
                yield Notice("BB310", name, f"{text}; it waits for bb apply")
            else:
                yield Notice("BB310", name, text, "budget")


def _destroyed(draft: Draft) -> Iterable[Notice]:
    """BB320: data that cannot be made again is removed. Enforcement's own kill needs no second
    approval: the policy in the manifest was one."""
    for op in draft.ops:
        if isinstance(op, RemoveVolume) and op.reason != "killed":
            yield Notice("BB320", op.bottle, f"deletes the volume {op.name}", "destroy")
    removed = {
        c.bottle for c in draft.changes if c.action is Action.REMOVE and c.reason != "killed"
    }
    agents = {c.bottle for c in draft.changes if c.resource.endswith("/agent")}
    for bottle in sorted(removed & agents - {""}):
        yield Notice("BB321", bottle, "removes the bottle", "destroy")


def _counting(want: Wanted, view: LedgerView, mode: str) -> tuple[BottleSpec, str]:
    """The bottle with what governs it: as the ledger has it while its edit waits."""
    known = view.registered.get(want.account)
    if want.registers or known is None:
        return want.spec, mode
    return as_registered(want.spec, known), known.mode


def budget_rows(wants: Sequence[Wanted], view: LedgerView, mode: str) -> tuple[BudgetRow, ...]:
    """Spent and limit of every pool that governs a bottle, with a projection."""
    pools = pools_by_scope(view)
    governs: dict[tuple[str, str, str], set[str]] = {}
    for want in wants:
        spec, counts = _counting(want, view, mode)
        for pool in governing(spec, providers_of(spec), counts, pools):
            governs.setdefault(pool_key(pool), set()).add(want.spec.name)
    return tuple(
        BudgetRow(
            pool.scope,
            pool.provider,
            pool.window,
            pool.spent,
            pool.limit,
            tuple(sorted(governs[pool_key(pool)])),
            exhausted_at(pool, view.now),
        )
        for pool in sorted(view.pools, key=pool_key)
        if pool_key(pool) in governs
    )
