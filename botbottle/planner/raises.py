"""Which edits of limits give more room than there was: those need an approval. Pure.

What counts is the limit in force, not where it is written: a bottle's limit becomes larger as well
when it disappears, when a larger one that is more specific takes its place, when fewer scopes must
have room, and when fewer tokens are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from botbottle.budget.precedence import LimitKey
from botbottle.model.bottle import BottleSpec, Scope
from botbottle.model.ledger_view import Pool
from botbottle.planner.enforce import governing, pool_key


class Governed(Struct, frozen=True):
    """A bottle in a chain of scopes with its pools, by scope and provider, and the token classes
    that they count."""

    spec: BottleSpec
    mode: Literal["nearest", "all"]
    pools: Mapping[tuple[str, str], tuple[Pool, ...]]
    count: tuple[str, ...]

    def governing(self) -> list[Pool]:
        """The pools that must have room, whatever provider is asked."""
        scopes = {scope.key for scope in self.spec.scopes}
        providers = sorted({provider for scope, provider in self.pools if scope in scopes})
        return governing(self.spec, tuple(providers), self.mode, self.pools)


def raised(spec: BottleSpec, pools: Mapping[str, Sequence[Pool]]) -> list[tuple[LimitKey, str]]:
    """Limits in the bottle's scopes that its manifests make larger or take away for all that are
    in that scope, governing this bottle or not. ``pools``: by the key of their scope."""
    found = []
    for scope in spec.scopes:
        limits = {(x.provider, x.window): x.tokens for x in scope.limits}
        for pool in pools.get(scope.key, ()):
            was = pool.declared if pool.override else pool.limit
            now = limits.get((pool.provider, pool.window))
            if was is not None and (now is None or now > was):
                to = _rest(spec, scope, pool) if now is None else _tokens(now, pool.window)
                found.append((pool_key(pool), _text(pool, was, to)))
    return found


def _rest(spec: BottleSpec, scope: Scope, gone: Pool) -> str:
    """What is left in place of a limit: others of its scope, else those of the next wider scope
    that has any."""
    wider = spec.scopes[spec.scopes.index(scope) :]
    for place in wider:
        if some := [x for x in place.limits if x.provider == gone.provider]:
            told = ", ".join(_tokens(x.tokens, x.window) for x in some)
            return told if place is scope else f"{told} of {place.key}"
    return "no limit"


def laxer(before: Governed, after: Governed, told: Collection[LimitKey]) -> Iterator[str]:
    """What governs the bottle less strictly than it does now, in words. ``told``: the limits that
    ``raised`` has found."""
    limited = before.governing()
    now = after.governing()
    for pool in limited:
        left = [p for p in now if p.provider == pool.provider]
        if pool_key(pool) in told or any(_as_strict(p, pool) for p in left):
            continue
        yield _text(pool, pool.limit, _instead(pool, left))
    if limited and (less := sorted(set(before.count) - set(after.count))):
        yield f"raises every budget: it no longer counts {', '.join(less)}"


def _as_strict(now: Pool, was: Pool) -> bool:
    """Whether what ``now`` lets pass ``was`` would, too: in this window and in those to come."""
    lasts = now.window in (was.window, "")
    return lasts and now.limit <= was.limit and _left(now) <= _left(was)


def _left(pool: Pool) -> int:
    return max(0, pool.limit - pool.spent)


def _instead(was: Pool, left: Sequence[Pool]) -> str:
    if not left:
        return "no limit"
    pool = max(left, key=lambda p: (p.limit, pool_key(p)))
    more = "" if pool.limit > was.limit else ", with more of it left"
    return f"{_tokens(pool.limit, pool.window)} of {pool.scope}{more}"


def _text(pool: Pool, was: int, to: str) -> str:
    before = _tokens(was, pool.window)
    return f"raises the {pool.provider} budget of {pool.scope} from {before} to {to}"


def _tokens(tokens: int, window: str) -> str:
    return f"{tokens:,}/{window}" if window else f"{tokens:,}"
