"""What edited limits make of a bottle: what follows from them is part of the same plan. Pure.

The ledger counts with the limits that it was given last. A raise that frees a bottle, or a lower
limit that uses it up, changes its standing as soon as it is registered: a plan that waited to see
that would be followed by another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from botbottle.budget.counting import counted_classes
from botbottle.budget.precedence import LimitKey
from botbottle.model.bottle import BottleSpec, Declared, Limit, Scope
from botbottle.model.ledger_view import LedgerView, Pool, Registered
from botbottle.model.paths import account
from botbottle.planner.account import registration
from botbottle.planner.enforce import Standing, pool_key, pools_by_scope, pools_of, standing
from botbottle.planner.raises import Governed, laxer, raised
from botbottle.planner.wanted import providers_of

type ByScope = Mapping[str, Sequence[Pool]]
type ByProvider = Mapping[tuple[str, str], Sequence[Pool]]


class Verdict(Struct, frozen=True):
    """A bottle's standing, and whether the ledger is given its edited limits: not while something
    else holds it, and no raise where nobody can approve it. ``raised``: what is raised, told."""

    standing: Standing
    registers: bool = True
    raised: tuple[str, ...] = ()


class Books(Struct, frozen=True):
    """The ledger's pools in the orders that they are looked for."""

    view: LedgerView
    by_provider: Mapping[tuple[str, str], tuple[Pool, ...]]
    by_scope: ByScope
    coming: Mapping[LimitKey, Pool]

    @classmethod
    def of(cls, view: LedgerView) -> Books:
        coming = {pool_key(p): p for p in view.coming}
        return cls(view, pools_by_scope(view), pools_of(view), coming)


def judge(declared: Declared, view: LedgerView, *, raises: bool = True) -> dict[str, Verdict]:
    """Every bottle's verdict, by name. ``raises`` False: a raised limit waits."""
    books = Books.of(view)
    return {b.name: _verdict(b, declared, books, raises) for b in declared.bottles}


def _verdict(spec: BottleSpec, declared: Declared, books: Books, raises: bool) -> Verdict:
    view, settings = books.view, declared.settings
    key, providers = account(spec.project, spec.name), providers_of(spec)
    known, mode = view.registered.get(key), spec.budget_mode(settings.budget_mode)
    if known is not None and known.digest == registration(spec, settings):
        return Verdict(standing(spec, key, providers, mode, view, books.by_provider))
    if known is None and spec.state == "started":
        texts = tuple(text for _, text in raised(spec, books.by_scope))
        return Verdict(
            standing(spec, key, providers, mode, view, _edited(spec, books)), True, texts
        )
    was = as_registered(spec, known)
    counts = known.mode if known else mode
    now = standing(was, key, providers, counts, view, books.by_provider)
    if known is None or spec.state != "started":  # what is not to run is given no limits
        return Verdict(now, known is None)
    edited = _edited(spec, books)
    then = standing(spec, key, providers, mode, view, edited)
    found = raised(spec, books.by_scope)
    before = Governed(was, known.mode, books.by_provider, known.count)
    after = Governed(spec, mode, edited, counted_classes(settings))
    texts = (*(text for _, text in found), *laxer(before, after, {key for key, _ in found}))
    if texts and not raises:
        return Verdict(now, False, texts)
    matters = now.free or then.free  # else it is held whatever its limits are
    return Verdict(then if matters else now, matters, texts)


def as_registered(spec: BottleSpec, known: Registered | None) -> BottleSpec:
    """The bottle in the scopes that the ledger knows it in."""
    if known is None:
        return spec
    every = known.mode == "all"
    same = [s.key for s in spec.scopes] == [s.key for s in known.scopes]
    if same and spec.all_scopes == every:
        return spec
    return replace(spec, scopes=known.scopes, all_scopes=every)


def limits_of(declared: Declared) -> frozenset[LimitKey]:
    """All limits that manifests give, as a ledger's reading is asked for them."""
    return frozenset(
        (scope.key, limit.provider, limit.window)
        for spec in declared.bottles
        for scope in spec.scopes
        for limit in scope.limits
    )


def _edited(spec: BottleSpec, books: Books) -> dict[tuple[str, str], tuple[Pool, ...]]:
    """The pools as they are once the limits are registered; an operator's own limit stays."""
    out: dict[tuple[str, str], tuple[Pool, ...]] = {}
    for scope in spec.scopes:
        for pool in sorted(_limited(scope, books), key=pool_key):
            key = pool.scope, pool.provider
            out[key] = (*out.get(key, ()), pool)
    return out


def _limited(scope: Scope, books: Books) -> list[Pool]:
    """One scope's pools with its edited limits."""
    limits = {(x.provider, x.window): x for x in scope.limits}
    out = []
    for pool in books.by_scope.get(scope.key, ()):
        found = limits.pop((pool.provider, pool.window), None)
        if found is not None or pool.override:
            out.append(_moved(pool, found))
    for limit in limits.values():
        key = (scope.key, limit.provider, limit.window)
        pool = books.coming.get(key) or Pool(*key, 0, 0)
        out.append(replace(pool, limit=limit.tokens, refused=False))
    return out


def _moved(pool: Pool, found: Limit | None) -> Pool:
    if found is None or pool.override or found.tokens == pool.limit:
        return pool
    return replace(pool, limit=found.tokens, refused=False)
