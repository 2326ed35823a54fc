"""Sums of what was spent, as rows: by scope and provider, in all, by day and by hour.

What is spent now is added to one row a scope, the hour that runs (``spend_open``); when an hour is
over its row is added to the three that last (``spend``). A sum is always what both have together,
so it does not matter when, how often or by whom that is done.
"""

# ruff: noqa: S608  # only constants of this module are put into SQL
from __future__ import annotations

from botbottle.budget import windows
from botbottle.ledger.db import Db
from botbottle.model.bottle import Window

KEPT: tuple[Window, ...] = ("", "day", "hour")  # weeks and months are sums of days
SPEND = "spend (scope, provider, win, bucket, tokens, requests)"
ADD_SPEND = (
    "ON CONFLICT (scope, provider, win, bucket) DO UPDATE SET"
    " tokens = spend.tokens + excluded.tokens, requests = spend.requests + excluded.requests"
)
OPEN = "spend_open (scope, provider, bucket, tokens, requests)"
ADD_OPEN = (
    "ON CONFLICT (scope, provider, bucket) DO UPDATE SET tokens = spend_open.tokens +"
    " excluded.tokens, requests = spend_open.requests + excluded.requests"
)
_SPENT = (
    "SELECT (SELECT coalesce(sum(tokens), 0) FROM spend"
    " WHERE scope = ? AND provider = ? AND win = ? AND bucket >= ? AND bucket <= ?)"
    " + (SELECT coalesce(sum(tokens), 0) FROM spend_open"
    " WHERE scope = ? AND provider = ? AND bucket >= ? AND bucket <= ?)"
)
_ALWAYS = ("", "9999-12-31T23")


_DAY = "substr(bucket, 1, 10)"


def _fold(window: Window, bucket: str, by: str) -> str:
    return (
        f"INSERT INTO {SPEND} SELECT scope, provider, '{window}', {bucket},"
        " sum(tokens), sum(requests) FROM spend_open WHERE bucket <> ?"
        f" GROUP BY scope, provider{by} {ADD_SPEND}"
    )


FOLD = (
    _fold("", "''", ""),
    _fold("day", _DAY, f", {_DAY}"),
    _fold("hour", "bucket", ", bucket"),
    "DELETE FROM spend_open WHERE bucket <> ?",
)


def fold(db: Db, running: str = "") -> None:
    """Add the hours that are over to what lasts: all but the bucket ``running``. Belongs in a
    write transaction."""
    for sql in FOLD:
        db.run(sql, running)


def gross(db: Db, scope: str, provider: str, window: Window, now: float) -> int:
    """Everything booked for a scope in the current window: at most 31 indexed rows, and one."""
    if window in KEPT:
        first = last = windows.bucket(window, now)
        kept = window
    else:
        (first, last), kept = windows.days(window, now), "day"
    hours = _hours(window, now)
    return int(db.value(_SPENT, scope, provider, kept, first, last, scope, provider, *hours))


def _hours(window: Window, now: float) -> tuple[str, str]:
    """First and last hour of the current window."""
    span = windows.bounds(window, now)
    if span is None:
        return _ALWAYS
    return windows.bucket("hour", span[0]), windows.bucket("hour", span[1] - 1)
