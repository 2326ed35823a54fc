"""Why a request is not admitted, in words for the agent's client and numbers for its sidecar."""

from __future__ import annotations

from botbottle.budget import admission, limits
from botbottle.budget.admission import PoolState
from botbottle.ledger.records import Refusal, RefusalCode
from botbottle.model.bottle import Policy


def unknown(account: str) -> Refusal:
    """No such bottle, or not any more."""
    return Refusal("unknown-account", f"the ledger does not know bottle {account!r} (any more)")


def held(provider: str, policy: Policy, reason: str) -> Refusal:
    """By an order, or a kill that stands."""
    text = f"this bottle is held ({policy}): {reason or 'by an operator'}"
    return Refusal("held", text, provider, policy=policy)


def too_many(provider: str, most: int) -> Refusal:
    """The account has ``most`` requests in flight."""
    text = f"{most} requests are in flight already"
    return Refusal("too-many-in-flight", text, provider, retry_after=5.0)


def refused(pool: PoolState, busy: bool, input_tokens: int, now: float) -> Refusal:
    """By a pool; ``busy``: only because of what is reserved in it."""
    if busy:
        text = "what is left of the budget is reserved by requests in flight"
        return _refusal("budget-reserved", text, pool, 2.0)
    left = max(0, pool.limit - pool.spent)
    text = f"the {pool.provider} budget of {pool.scope} is spent"
    if left:
        text = (
            f"{limits.format_tokens(left)} tokens are left in the {pool.provider} budget of"
            f" {pool.scope}; this request needs about {limits.format_tokens(input_tokens)}"
        )
    return _refusal("budget-exhausted", text, pool, admission.retry_after(pool, now))


def _refusal(code: RefusalCode, text: str, pool: PoolState, retry: float | None) -> Refusal:
    per = f" per {pool.window}" if pool.window else ""
    amounts = f" ({pool.spent} of {pool.limit} tokens{per})"
    return Refusal(
        code,
        text + amounts,
        pool.provider,
        pool.scope,
        pool.window,
        pool.limit,
        pool.spent,
        max(0, pool.room),
        retry,
    )
