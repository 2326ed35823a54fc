"""Enforcement as desired state: what an exhausted budget or an operator makes of a bottle.

Pure. ``standing`` is the whole rule; the rest of the planner only carries it out, so ``apply``,
``watch`` and a re-run after a crash come to the same end by the same path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from botbottle.budget.precedence import LimitKey
from botbottle.model import canonical
from botbottle.model.bottle import BottleSpec, Policy
from botbottle.model.ledger_view import EnforcementRecord, HoldRecord, LedgerView, Pool


class Standing(Struct, frozen=True):
    """What a bottle may do now. ``policy`` is empty while it is free. ``trigger_id`` names the
    cause: exactly one audit row is owed for each. ``way_out`` is the next command."""

    policy: Policy | Literal[""] = ""
    reason: str = ""
    trigger_id: str = ""
    message: str = ""
    way_out: str = ""

    @property
    def free(self) -> bool:
        return not self.policy


FREE = Standing()


def standing(
    spec: BottleSpec,
    account: str,
    providers: tuple[str, ...],
    mode: str,
    view: LedgerView,
    pools: Mapping[tuple[str, str], tuple[Pool, ...]],
) -> Standing:
    """An operator's order, else an exhausted governing pool, else a latched kill or freeze. Those
    stand before a budget's cutoff, and a freeze before an ordered one: both would start the agent
    again.
    ``pools``: the view's, by ``pools_by_scope``; sorted once for all bottles."""
    ordered = _ordered(spec, view.holds.get(account))
    if ordered.policy in ("freeze", "kill"):
        return ordered
    judged = _judged(spec, governing(spec, providers, mode, pools))
    exhausted = (p for p in judged if p.exhausted)
    pool = next(exhausted, None)
    otherwise = _latched(spec, view.enforced.get(account))
    if pool is not None and (otherwise.free or spec.shutdown != "cutoff"):
        otherwise = _spent(spec, pool)
    return otherwise if ordered.free or otherwise.policy == "freeze" else ordered


def _judged(spec: BottleSpec, pools: Iterable[Pool]) -> Iterable[Pool]:
    """A kill destroys, and what a request needs is an estimate: it waits until nothing is left."""
    return (p for p in pools if spec.shutdown != "kill" or p.spent >= p.limit)


def _ordered(spec: BottleSpec, hold: HoldRecord | None) -> Standing:
    if hold is None:
        return FREE
    return Standing(
        hold.policy,
        hold.trigger,
        hold.id,
        hold.reason or f"{hold.policy} by the operator",
        way_out(spec.name, hold.policy),
    )


def _spent(spec: BottleSpec, pool: Pool) -> Standing:
    window = f" this {pool.window}" if pool.window else ""
    rest = ", and the rest is less than a request needed" if pool.spent < pool.limit else ""
    return Standing(
        spec.shutdown,
        "budget-exhausted",
        trigger_of(pool),
        f"{pool.provider} budget of {pool.scope} is used up: "
        f"{pool.spent:,} of {pool.limit:,} tokens{window}{rest}",
        way_out(spec.name, spec.shutdown, pool, auto=spec.resume_auto),
    )


def _latched(spec: BottleSpec, record: EnforcementRecord | None) -> Standing:
    """A kill stays until released and a freeze until resumed, whatever the budget says now."""
    if record is None or record.policy == "cutoff":
        return FREE
    if record.policy == "freeze" and (spec.resume_auto or record.resume):
        return FREE
    return Standing(
        record.policy,
        "latched",
        record.trigger_id,
        f"{record.policy} was carried out and has not been lifted",
        way_out(spec.name, record.policy),
    )


def trigger_of(pool: Pool) -> str:
    """Identity of an exhaustion: raising the limit or a new window makes another one."""
    return "budget:" + canonical.digest(
        [pool.scope, pool.provider, pool.window, pool.limit, pool.resets_at], 12
    )


def pools_by_scope(view: LedgerView) -> Mapping[tuple[str, str], tuple[Pool, ...]]:
    """Pools by (scope key, provider); a scope may have one pool per window."""
    out: dict[tuple[str, str], list[Pool]] = {}
    for pool in sorted(view.pools, key=pool_key):
        out.setdefault((pool.scope, pool.provider), []).append(pool)
    return {key: tuple(pools) for key, pools in out.items()}


def pools_of(view: LedgerView) -> Mapping[str, list[Pool]]:
    """Pools by the key of their scope, in a stable order."""
    out: dict[str, list[Pool]] = {}
    for pool in sorted(view.pools, key=pool_key):
        out.setdefault(pool.scope, []).append(pool)
    return out


def pool_key(pool: Pool) -> LimitKey:
    """What a pool is unique by in a ledger."""
    return pool.scope, pool.provider, pool.window


def governing(
    spec: BottleSpec,
    providers: tuple[str, ...],
    mode: str,
    pools: Mapping[tuple[str, str], tuple[Pool, ...]],
) -> list[Pool]:
    """The pools that must have room: per provider those of the nearest scope that has any
    (``nearest``), or those of every scope (``all``)."""
    out: list[Pool] = []
    for provider in providers:
        for scope in spec.scopes:
            found = pools.get((scope.key, provider), ())
            out.extend(found)
            if found and mode == "nearest" and not spec.all_scopes:
                break
    return out


def way_out(name: str, policy: Policy, pool: Pool | None = None, *, auto: bool = False) -> str:
    """The command that lifts a hold; ``auto``: a frozen bottle resumes by itself."""
    if pool is not None:
        raised = raising(pool)
        if policy == "freeze" and not auto:
            return f"{raised}, then bb resume {name}"
        return raised + (f", then bb release {name}" if policy == "kill" else "")
    if policy == "freeze":
        return f"bb resume {name}"
    return f"bb release {name}"


def raising(pool: Pool) -> str:
    """The command that raises this very pool: with another window it would make one beside it."""
    return f"bb budget set {pool.scope} {pool.provider} TOKENS" + (
        pool.window and f"/{pool.window}"
    )
