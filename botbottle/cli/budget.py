"""``bb budget show | set | clear | reset``: limits as an operator sees and moves them."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

from botbottle.cli.budget_scopes import (
    elsewhere,
    holding_beside,
    limits_of,
    per,
    require,
    this,
    tokens,
    windows,
)
from botbottle.cli.common import open_session, show_diagnostics
from botbottle.cli.context import Context
from botbottle.cli.documents.spending import Budgets, PoolRow
from botbottle.cli.options import Argument, Group, Invocation, Option
from botbottle.cli.shared import Json, Reason
from botbottle.errors import UsageError
from botbottle.locking import operator

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Limit
    from botbottle.model.ledger_view import Pool

Scope = Annotated[str, Argument(help="Scope key as bb budget show prints it, e.g. global.")]
Provider = Annotated[str, Argument(help="Budget key, e.g. claude.")]
WindowOption = Annotated[
    str, Option("--window", help="hour, day, week, month or none; else every one limited.")
]


def show(
    ctx: Invocation,
    json_: Json = False,
) -> int:
    """Every limit with what is spent of it and when it will be used up."""
    return with_ledger(ctx.obj, lambda ledger: show_limits(ctx.obj, ledger, json_))


def set_(
    ctx: Invocation,
    scope: Scope,
    provider: Provider,
    amount: Annotated[str, Argument(help="5000000, 5M, 200k, 5M/day")],
    reason: Reason = "",
) -> int:
    """An operator's limit: wins over the manifest's until cleared."""
    limit = parse_amount(provider, amount)

    def change(ledger: Ledger) -> int:
        require(ledger, scope)
        ledger.set_limit(scope, limit, by=operator(), reason=reason)
        beside = [p for p in limits_of(ledger, scope, provider) if p.window != limit.window]
        return say(ctx.obj, f"{scope} {provider}: {tokens(limit)}{holding_beside(beside)}")

    return with_ledger(ctx.obj, change, write=True, provider=provider)


def clear(
    ctx: Invocation,
    scope: Scope,
    provider: Provider,
    window: WindowOption = "",
    reason: Reason = "",
) -> int:
    """Remove an operator's limit; the manifest's holds again."""

    def change(ledger: Ledger) -> int:
        require(ledger, scope)
        own = [p for p in limits_of(ledger, scope, provider) if p.override]
        for name in (found := windows(own, window)):
            ledger.clear_limit(scope, provider, name, by=operator(), reason=reason)
            say(ctx.obj, f"{scope} {provider}: the operator's limit{per(name)} is cleared")
        if not found:
            hint = f"; {elsewhere(own)}" if own else ""
            say(ctx.obj, f"there was no operator's limit{hint}")
        return 0

    return with_ledger(ctx.obj, change, write=True)


def reset(
    ctx: Invocation,
    scope: Scope,
    provider: Provider,
    window: WindowOption = "",
    reason: Reason = "",
) -> int:
    """Count the current window from zero again."""

    def change(ledger: Ledger) -> int:
        require(ledger, scope)
        now, by, limited = time.time(), operator(), limits_of(ledger, scope, provider)
        if not (found := windows(limited, window)):
            hint = elsewhere(limited) if limited else "bb budget show prints all limits"
            raise UsageError(f"{scope} has no such limit of {provider}", hint=hint)
        for name in found:
            forgiven = ledger.reset(scope, provider, name, by=by, now=now, reason=reason)
            say(ctx.obj, f"{scope} {provider}: {forgiven:,} tokens{this(name)} forgiven")
        return 0

    return with_ledger(ctx.obj, change, write=True, provider=provider)


budget = Group(show, set_, clear, reset, help="Show, set, raise or reset budgets.")


def with_ledger(context: Context, use: Any, *, write: bool = False, provider: str = "") -> int:
    """Run ``use(ledger)`` on the project's ledger and close it.

    Raises UsageError for a ``provider`` that does not exist: its limit would hold nothing back.
    """
    from botbottle.load.budgets import unknown_provider
    from botbottle.session import declared_or_raise

    session = open_session(context)
    loaded = session.load()
    show_diagnostics(context, loaded)
    declared = declared_or_raise(loaded)
    if provider and (problem := unknown_provider(provider, loaded.resolver.library.known)):
        raise UsageError(problem[0], hint=problem[1])
    with closing(session.open_ledger(declared, write=write)) as ledger:
        return int(use(ledger))


def parse_amount(provider: str, amount: str) -> Limit:
    """``5M/day`` as a limit. Raises UsageError."""
    from botbottle.budget.limits import parse_limit

    try:
        return parse_limit(provider, amount)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        raise UsageError(message, hint=hint or "write for example 5M or 200k/day") from error


def say(context: Context, text: str) -> int:
    context.err.write(f"bb budget: {text}\n")
    return 0


def show_limits(context: Context, ledger: Ledger, as_json: bool) -> int:
    """Pools as a table or a document."""
    view = ledger.view(time.time())
    rows = [pool_row(pool, view.now) for pool in view.pools]
    if as_json:
        context.document(Budgets(pools=tuple(rows)))
        return 0
    for row in rows:
        end = row.exhausted_in
        tail = f"  used up in about {duration(end)}" if end else ""
        spent = f"{row.spent:,} / {row.limit:,}{per(row.window)}"
        context.out.write(
            f"{row.scope}  {row.provider}  {spent}  reserved {row.reserved:,}{tail}\n"
        )
    context.note_empty(rows, "bb budget: nothing limits any bottle")
    return 0


def duration(seconds: float) -> str:
    """``40 min``, ``5.2 h`` or ``12 days``."""
    if seconds < 2 * 3600:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def pool_row(pool: Pool, now: float) -> PoolRow:
    """One pool as it is shown; ``exhausted_in`` seconds at the present rate, or None when its
    window ends before that."""
    from botbottle.budget.projection import exhausted_at

    end = exhausted_at(pool, now)
    return PoolRow(
        scope=pool.scope,
        provider=pool.provider,
        window=pool.window,
        spent=pool.spent,
        limit=pool.limit,
        reserved=pool.reserved,
        burn_per_second=pool.burn,
        exhausted_in=None if end is None else round(end - now),
        resets_in=round(pool.resets_at - now) if pool.resets_at else None,
    )
