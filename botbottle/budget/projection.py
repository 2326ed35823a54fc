"""When will a pool be empty? A straight line from the recent burn, never past the window."""

from __future__ import annotations

from botbottle.model.ledger_view import Pool

BURN_SECONDS = 600.0  # the burn rate is the mean over the last ten minutes


def burn_rate(tokens: int, seconds: float = BURN_SECONDS) -> float:
    """Tokens per second."""
    return max(0.0, tokens / seconds) if seconds > 0 else 0.0


def seconds_left(pool: Pool) -> float | None:
    """Seconds until ``pool`` is exhausted at its present burn; 0 when it is; None: never."""
    if pool.exhausted:
        return 0.0
    if pool.burn <= 0:
        return None
    return (pool.limit - pool.spent) / pool.burn


def exhausted_at(pool: Pool, now: float) -> float | None:
    """Epoch seconds of the projected exhaustion; None when the window ends before."""
    left = seconds_left(pool)
    if left is None:
        return None
    moment = now + left
    return None if pool.resets_at is not None and moment >= pool.resets_at else moment


def percent(pool: Pool) -> float:
    """Spent share in percent; a limit of zero is always full."""
    return 100.0 * pool.spent / pool.limit if pool.limit > 0 else 100.0
