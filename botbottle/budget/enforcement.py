"""What budgets and operators ask for a bottle, from one reading of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from botbottle.budget import windows
from botbottle.budget.precedence import Mode, governing, providers, with_overrides
from botbottle.model.bottle import Limit, Policy, Scope
from botbottle.model.ledger_view import HoldRecord, LedgerView, Pool

STRENGTH: dict[Policy, int] = {"cutoff": 1, "freeze": 2, "kill": 3}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bottle has to be held. ``trigger`` is stable for one crossing or command: exactly one
    audit row is written for it. An enforcement that was already carried out for one of the
    spent pools keeps its name when further pools run out."""

    policy: Policy
    reason: str  # budget-exhausted | operator
    trigger: str
    message: str
    pools: tuple[Pool, ...] = ()


def governing_pools(pools: Iterable[Pool], scopes: Sequence[Scope], mode: Mode) -> tuple[Pool, ...]:
    """The pools that govern a bottle declared with ``scopes``, most specific first: spending as
    read, limits as declared now (they may not be registered yet) unless an operator set them."""
    read = {(p.scope, p.provider, p.window): p for p in pools}
    overrides = {key: p.limit for key, p in read.items() if p.override}
    effective = with_overrides(scopes, overrides)
    return tuple(
        _pool(read.get((scope.key, x.provider, x.window)), scope.key, x)
        for provider in providers(effective)
        for scope, x in governing(effective, provider, mode)
    )


def _pool(read: Pool | None, scope: str, limit: Limit) -> Pool:
    if read is None:
        return Pool(scope, limit.provider, limit.window, limit.tokens, 0)
    return replace(read, limit=limit.tokens)


def trigger_id(pool: Pool, now: float) -> str:
    """Name of a crossing: the same pool, window and limit give the same name, while a raised
    budget, or a new window, that is crossed again is a new one."""
    span = windows.bucket(pool.window, now) or "total"
    return f"budget:{pool.scope}|{pool.provider}|{span}|{pool.limit}"


def verdict(
    view: LedgerView, account: str, governing_now: Sequence[Pool], policy: Policy
) -> Verdict | None:
    """What has to be done to ``account``; None: nothing holds it. Of a command and a crossing
    the stronger wins; at equal strength the command, which a person gave."""
    found = (
        _ordered(view.holds.get(account)),
        _crossed(view, account, governing_now, policy),
    )
    return max((v for v in found if v), key=lambda v: STRENGTH[v.policy], default=None)


def _ordered(hold: HoldRecord | None) -> Verdict | None:
    if hold is None:
        return None
    reason = "operator" if hold.trigger == "operator" else "budget-exhausted"
    return Verdict(hold.policy, reason, hold.id, hold.reason)


def _crossed(
    view: LedgerView, account: str, governing: Sequence[Pool], policy: Policy
) -> Verdict | None:
    empty = {trigger_id(p, view.now): p for p in governing if p.exhausted}
    if not empty:
        return None
    done = view.enforced.get(account)
    first = done.trigger_id if done and done.trigger_id in empty else min(empty)
    return Verdict(policy, "budget-exhausted", first, _message(empty[first]), tuple(empty.values()))


def _message(pool: Pool) -> str:
    per = f" per {pool.window}" if pool.window else ""
    return (
        f"{pool.provider} budget of {pool.scope} is spent: {pool.spent} of {pool.limit} tokens{per}"
    )
