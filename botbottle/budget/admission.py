"""May this request be sent, and how much is set aside for it? Decided on one consistent reading.

A request is admitted when every governing pool has room for its estimated input and at least
one token of output. It reserves the input plus a bounded output allowance, but never more than
the room there is, so that the last of a budget can be spent by one request. Nothing else is
admitted against what is reserved. So at any moment spent + reserved <= limit, and a pool can be
overrun only by what admitted requests emit beyond their reservation before they are cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from botbottle.model.bottle import Window

CRUMBS = 0.05  # the share of a budget that counts as spent once a request did not fit into it
ALLOWANCE = 8192  # tokens of output reserved at most for a choice, whatever its max_tokens
MAX_CHOICES = 128  # of one request
MAX_ALLOWANCE = ALLOWANCE * MAX_CHOICES


class PoolState(Struct, frozen=True):
    """One governing pool at one moment; ``reserved`` is held by other requests in flight."""

    scope: str
    provider: str
    window: Window
    limit: int
    spent: int
    reserved: int = 0
    resets_at: float | None = None

    @property
    def room(self) -> int:
        """Tokens that are neither spent nor reserved; negative after an overrun."""
        return self.limit - self.spent - self.reserved


class Decision(Struct, frozen=True):
    """``reserve`` tokens when admitted; ``pool`` is the tightest one, None: nothing governs.

    ``busy``: refused only because of requests in flight, so waiting may help.
    """

    admitted: bool
    reserve: int = 0
    pool: PoolState | None = None
    busy: bool = False

    @property
    def room(self) -> int | None:
        """Room in the tightest pool after this decision."""
        return None if self.pool is None else self.pool.room - self.reserve


def tightest(pools: Sequence[PoolState]) -> PoolState | None:
    """The pool with the least room."""
    found, least = None, 0
    for pool in pools:
        room = pool.limit - pool.spent - pool.reserved
        if found is None or room < least:
            found, least = pool, room
    return found


def admit(pools: Sequence[PoolState], input_tokens: int, allowance: int) -> Decision:
    """Decide about one request against its governing pools."""
    wanted = input_tokens + min(max(allowance, 1), MAX_ALLOWANCE)
    pool = tightest(pools)
    if pool is None:
        return Decision(True, wanted)
    if pool.room > input_tokens:
        return Decision(True, min(wanted, pool.room), pool)
    blocked = [p for p in pools if p.room <= input_tokens]
    spent_out = [p for p in blocked if p.limit - p.spent <= input_tokens]
    worst = _longest(spent_out) if spent_out else pool
    return Decision(False, 0, worst, busy=not spent_out)


def must_cut(pools: Sequence[PoolState], used: int) -> bool:
    """Whether a running request that has used ``used`` tokens has to stop now: some pool, with
    the others' reservations respected, has no room left for it. ``reserved`` of ``pools`` must
    not contain the request's own reservation."""
    return any(p.room - used <= 0 for p in pools)


def only_crumbs(pool: PoolState) -> bool:
    """Whether what is left is so little that a refusal means the budget is used up."""
    return pool.limit - pool.spent <= pool.limit * CRUMBS


def retry_after(pool: PoolState, now: float) -> float | None:
    """Seconds until the pool's window ends; None when it never refills by itself."""
    return None if pool.resets_at is None else max(1.0, pool.resets_at - now)


def _longest(pools: Sequence[PoolState]) -> PoolState:
    """Of several spent pools the one that keeps refusing longest."""
    return max(pools, key=lambda p: p.resets_at if p.resets_at is not None else float("inf"))
