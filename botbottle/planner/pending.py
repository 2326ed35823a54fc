"""What edited limits make of a bottle: what follows from them is part of the same plan. Pure.

The ledger counts with the limits that it was given last. A raise that frees a bottle, or a lower
limit that uses it up, changes its standing as soon as it is registered: a plan that waited to see
that would be followed by another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from botbottle.model.bottle import BottleSpec, Declared, Limit, Scope
from botbottle.model.ledger_view import LedgerView, Pool
from botbottle.model.paths import account
from botbottle.planner.account import registration
from botbottle.planner.enforce import Standing, pools_by_scope, pools_of, standing
from botbottle.planner.wanted import providers_of

type ByScope = Mapping[str, Sequence[Pool]]


class Verdict(Struct, frozen=True):
    """A bottle's standing, and whether the ledger is given its edited limits: not while something
    else holds it, and no raise where nobody can approve it."""

    standing: Standing
    registers: bool


def judge(declared: Declared, view: LedgerView, *, raises: bool = True) -> dict[str, Verdict]:
    """Every bottle's verdict, by name. ``raises`` False: a raised limit waits."""
    pools, mode, own = pools_by_scope(view), declared.settings.budget_mode, pools_of(view)
    out = {}
    for spec in declared.bottles:
        key, providers = account(spec.project, spec.name), providers_of(spec)
        now = standing(spec, key, providers, mode, view, pools)
        known = view.registered.get(key)
        edited = known is not None and known != registration(spec, declared.settings)
        if not edited:
            out[spec.name] = Verdict(now, True)
        elif not raises and next(raised(spec, own), None) is not None:
            out[spec.name] = Verdict(now, False)
        else:
            then = standing(spec, key, providers, mode, view, _edited(spec, own))
            counts = now.free or then.free  # else it is held whatever its limits are
            out[spec.name] = Verdict(then if counts else now, counts)
    return out


def raised(spec: BottleSpec, pools: ByScope) -> Iterator[tuple[Pool, int | None]]:
    """Pools of a bottle's scopes that its manifests make larger, with the new limit; None: without
    one. ``pools``: by the key of their scope."""
    for scope in spec.scopes:
        limits = _limits(scope)
        for pool in pools.get(scope.key, ()):
            found = limits.get((pool.provider, pool.window))
            if found is None or found.tokens > pool.limit:
                yield pool, None if found is None else found.tokens


def _edited(spec: BottleSpec, pools: ByScope) -> dict[tuple[str, str], tuple[Pool, ...]]:
    """The pools as they are once the limits are registered. What is gone from a limit that the
    ledger does not have yet is unknown here; an operator's own limit stays."""
    out: dict[tuple[str, str], tuple[Pool, ...]] = {}
    for scope in spec.scopes:
        limits = _limits(scope)
        for pool in pools.get(scope.key, ()):
            found = limits.get((pool.provider, pool.window))
            if found is not None or pool.override:
                key = pool.scope, pool.provider
                out[key] = (*out.get(key, ()), _limited(pool, found))
    return out


def _limited(pool: Pool, found: Limit | None) -> Pool:
    if found is None or pool.override or found.tokens == pool.limit:
        return pool
    return replace(pool, limit=found.tokens, refused=False)


def _limits(scope: Scope) -> dict[tuple[str, str], Limit]:
    return {(x.provider, x.window): x for x in scope.limits}
