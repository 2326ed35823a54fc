"""``bb budget show | set | clear | reset``: limits as an operator sees and moves them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbottle.cli.common import open_session, show_diagnostics
from botbottle.cli.context import Context
from botbottle.errors import UsageError
from botbottle.locking import operator

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Limit, Window

Scope = Annotated[str, typer.Argument(help="Scope key as bb budget show prints it, e.g. global.")]
Provider = Annotated[str, typer.Argument(help="Budget key, e.g. claude.")]
Reason = Annotated[str, typer.Option("--reason", help="Kept in the audit record.")]
WindowOption = Annotated[str, typer.Option("--window", help="hour, day, week, month or none.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Show, set, raise or reset budgets.")
    app.add_typer(group, name="budget")

    @group.command()
    def show(
        ctx: typer.Context,
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
    ) -> int:
        """Every limit with what is spent of it and when it will be used up."""
        return with_ledger(ctx.obj, lambda ledger: show_limits(ctx.obj, ledger, json_))

    @group.command("set")
    def set_(
        ctx: typer.Context,
        scope: Scope,
        provider: Provider,
        amount: Annotated[str, typer.Argument(help="5000000, 5M, 200k, 5M/day")],
        reason: Reason = "",
    ) -> int:
        """An operator's limit: wins over the manifest's until cleared."""
        limit = parse_amount(provider, amount)

        def change(ledger: Ledger) -> int:
            require(ledger, scope)
            ledger.set_limit(scope, limit, by=operator(), reason=reason)
            return say(ctx.obj, f"{scope} {provider}: {limit.tokens:,} tokens{per(limit.window)}")

        return with_ledger(ctx.obj, change, write=True, provider=provider)

    @group.command()
    def clear(
        ctx: typer.Context,
        scope: Scope,
        provider: Provider,
        window: WindowOption = "",
        reason: Reason = "",
    ) -> int:
        """Remove an operator's limit; the manifest's holds again."""

        def change(ledger: Ledger) -> int:
            require(ledger, scope)
            found = ledger.clear_limit(
                scope, provider, parse_window(window), by=operator(), reason=reason
            )
            return say(ctx.obj, "cleared" if found else nothing_to_clear(ledger, scope, provider))

        return with_ledger(ctx.obj, change, write=True)

    @group.command()
    def reset(
        ctx: typer.Context,
        scope: Scope,
        provider: Provider,
        window: WindowOption = "",
        reason: Reason = "",
    ) -> int:
        """Count the current window from zero again."""

        def change(ledger: Ledger) -> int:
            require(ledger, scope)
            forgiven = ledger.reset(
                scope,
                provider,
                parse_window(window),
                by=operator(),
                now=time.time(),
                reason=reason,
            )
            return say(ctx.obj, f"{scope} {provider}: {forgiven:,} tokens forgiven")

        return with_ledger(ctx.obj, change, write=True, provider=provider)


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
    ledger = session.open_ledger(declared, write=write)
    try:
        return int(use(ledger))
    finally:
        ledger.close()


def parse_amount(provider: str, amount: str) -> Limit:
    """``5M/day`` as a limit. Raises UsageError."""
    from botbottle.budget.limits import parse_limit

    try:
        return parse_limit(provider, amount)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        raise UsageError(message, hint=hint or "write for example 5M or 200k/day") from error


def require(ledger: Ledger, scope: str) -> None:
    """Raises UsageError for a scope that no bottle spends from."""
    import difflib

    known = sorted(
        {s.key for a in ledger.accounts() for s in a.scopes}
        | {p.scope for p in ledger.view(time.time()).pools}
    )
    if scope not in known:
        close = difflib.get_close_matches(scope, known, 1)
        raise UsageError(
            f"no bottle spends from the scope {scope!r}",
            hint=f"did you mean {close[0]}?"
            if close
            else f"scopes: {', '.join(known) or 'none yet'}",
        )


def nothing_to_clear(ledger: Ledger, scope: str, provider: str) -> str:
    """That there is no such limit of an operator, and which windows have one."""
    others = sorted(
        p.window or "none"
        for p in ledger.view(time.time()).pools
        if (p.scope, p.provider) == (scope, provider) and p.override
    )
    hint = f"; there is one with --window {', --window '.join(others)}" if others else ""
    return f"there was no operator's limit{hint}"


def parse_window(text: str) -> Window:
    """A window's name. Raises UsageError."""
    from botbottle.model.bottle import WINDOWS

    for window in WINDOWS:
        if text == window or (text == "none" and not window):
            return window
    raise UsageError(f"--window {text}: not one of hour, day, week, month, none")


def per(window: str) -> str:
    return f" per {window}" if window else ""


def say(context: Context, text: str) -> int:
    context.err.write(f"bb budget: {text}\n")
    return 0


def show_limits(context: Context, ledger: Ledger, as_json: bool) -> int:
    """Pools as a table or a document."""
    view = ledger.view(time.time())
    rows = [pool_row(pool, view.now) for pool in view.pools]
    if as_json:
        context.document(pools=rows)
        return 0
    for row in rows:
        end = row["exhausted_in"]
        tail = f"  used up in about {duration(end)}" if end else ""
        spent = f"{row['spent']:,} / {row['limit']:,}{per(row['window'])}"
        context.out.write(
            f"{row['scope']}  {row['provider']}  {spent}  reserved {row['reserved']:,}{tail}\n"
        )
    context.note_empty(rows, "bb budget: nothing limits any bottle")
    return 0


def duration(seconds: float) -> str:
    """``40 min``, ``5.2 h`` or ``12 days``."""
    if seconds < 2 * 3600:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def pool_row(pool: Any, now: float) -> dict[str, Any]:
    """One pool as plain data; ``exhausted_in`` seconds at the present rate, or None when its
    window ends before that."""
    from botbottle.budget.projection import exhausted_at

    end = exhausted_at(pool, now)
    return {
        "scope": pool.scope,
        "provider": pool.provider,
        "window": pool.window,
        "spent": pool.spent,
        "limit": pool.limit,
        "reserved": pool.reserved,
        "burn_per_second": pool.burn,
        "exhausted_in": None if end is None else round(end - now),
        "resets_in": round(pool.resets_at - now) if pool.resets_at else None,
    }
