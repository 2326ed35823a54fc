"""Which scopes have limits, and in which windows: what an operator may name."""

from __future__ import annotations

import difflib
import re
import time
from typing import TYPE_CHECKING

from botbottle.errors import UsageError
from botbottle.model.bottle import WINDOWS
from botbottle.model.ledger_view import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Limit, Window


def require(ledger: Ledger, scope: str) -> None:
    """Raises UsageError for a scope that no bottle spends from."""
    known = sorted(
        {s.key for a in ledger.accounts() for s in a.scopes}
        | {p.scope for p in ledger.view(time.time()).pools}
    )
    if scope not in known:
        named = [k for k in known if re.split("[:/]", k)[-1] == scope]
        close = named or difflib.get_close_matches(scope, known, 1)
        raise UsageError(
            f"no bottle spends from the scope {scope!r}",
            hint=f"did you mean {' or '.join(close)}?"
            if close
            else f"scopes: {', '.join(known) or 'none yet'}",
        )


def limits_of(ledger: Ledger, scope: str, provider: str) -> list[Pool]:
    """The pools of one scope and provider, by window."""
    found = (
        p for p in ledger.view(time.time()).pools if (p.scope, p.provider) == (scope, provider)
    )
    return sorted(found, key=lambda p: WINDOWS.index(p.window))


def windows(pools: Sequence[Pool], named: str) -> list[Window]:
    """The window that was named, if one of the limits has it; else that of every limit: what is
    done to a limit in all does not touch one per day. Raises UsageError."""
    wanted = parse_window(named) if named else None
    return [p.window for p in pools if wanted in (None, p.window)]


def elsewhere(pools: Sequence[Pool]) -> str:
    """Which windows the limits do have."""
    return f"there is one with --window {', --window '.join(p.window or 'none' for p in pools)}"


def parse_window(text: str) -> Window:
    """A window's name; ``none`` is the limit in all. Raises UsageError."""
    for window in WINDOWS:
        if text == (window or "none"):
            return window
    raise UsageError(f"--window {text}: not one of hour, day, week, month, none")


def holding_beside(pools: Sequence[Pool]) -> str:
    """Limits that hold beside one that was set: it does not take their place."""
    return f"; {' and '.join(map(tokens, pools))} holds beside it" if pools else ""


def tokens(limit: Limit | Pool) -> str:
    amount = limit.limit if isinstance(limit, Pool) else limit.tokens
    return f"{amount:,} tokens{per(limit.window)}"


def this(window: str) -> str:
    return f" of this {window}" if window else ""


def per(window: str) -> str:
    return f" per {window}" if window else ""
