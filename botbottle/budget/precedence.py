"""Which pools govern a bottle: the most specific that is defined, or all of them.

Scopes come ordered, most specific first: launch, agent, bottle, parents (depth-first, later
parent first), global. A scope that has no limit for a provider says nothing about it. In
``nearest`` mode the first that does governs alone, with all its windows; in ``all`` mode every
limit of every scope must have room (of parents too: a stricter reading never overspends).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from botbottle.model.bottle import Limit, Scope, Window

type Mode = Literal["nearest", "all"]
type LimitKey = tuple[str, str, Window]  # scope, provider, window


def governing(
    scopes: Sequence[Scope], provider: str, mode: Mode
) -> tuple[tuple[Scope, Limit], ...]:
    """The (scope, limit) pairs that decide about ``provider``; empty: nothing limits it."""
    defined = [(s, x) for s in scopes for x in s.limits if x.provider == provider]
    if mode == "all" or not defined:
        return tuple(defined)
    nearest = defined[0][0].key
    return tuple(pair for pair in defined if pair[0].key == nearest)


def providers(scopes: Iterable[Scope]) -> tuple[str, ...]:
    """Providers that some scope limits, sorted."""
    return tuple(sorted({x.provider for s in scopes for x in s.limits}))


def with_overrides(scopes: Sequence[Scope], overrides: Mapping[LimitKey, int]) -> tuple[Scope, ...]:
    """The scopes with operators' limits in place of (or beside) the declared ones."""
    return tuple(replace(s, limits=_merged(s, overrides)) for s in scopes)


def _merged(scope: Scope, overrides: Mapping[LimitKey, int]) -> tuple[Limit, ...]:
    limits = {(x.provider, x.window): x.tokens for x in scope.limits}
    for (key, provider, window), tokens in overrides.items():
        if key == scope.key:
            limits[provider, window] = tokens
    return tuple(Limit(p, tokens, w) for (p, w), tokens in sorted(limits.items()))
