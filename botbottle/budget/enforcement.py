"""Which pools of a reading govern a bottle, and which of two policies is the stronger.

What a crossing makes of a bottle is the planner's rule; this is the arithmetic under it and
under what a bottle is told about its own budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from botbottle.budget.precedence import Mode, governing, providers, with_overrides
from botbottle.model.bottle import Limit, Policy, Scope
from botbottle.model.ledger_view import Pool

STRENGTH: dict[Policy, int] = {"cutoff": 1, "freeze": 2, "kill": 3}


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
