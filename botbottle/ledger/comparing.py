"""Whether what is derived is what it was derived from: rows, reports, and the sums of the gate.

Rows and what retention has deleted of them add up to the reports, class by class. Of one row, the
tokens that count are its output and whole other classes; nothing is negative that no correction
made so. An hour of the gate is what its bottles' reports have.
"""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from itertools import product

from botbottle.budget import windows
from botbottle.ledger.db import Db
from botbottle.ledger.schema import CLASSES
from botbottle.ledger.usage import hour_start

_SUMMED = (*CLASSES, "counted")
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in _SUMMED)
_KINDS = ("requests", "partials", "estimates")


def _totals(tables: str, sign: str = "") -> str:
    names = ", ".join(f"{sign}{name} AS {name}" for name in _SUMMED)
    return f"SELECT account, provider, {names} FROM {tables}"


_REPORTS_DIFFER = (
    f"SELECT account, provider, {_SUMS} FROM ({_totals('rollup')} UNION ALL {_totals('usage', '-')}"
    f" UNION ALL {_totals('forgotten', '-')}) compared GROUP BY account, provider HAVING "
    + " OR ".join(f"sum({name}) <> 0" for name in _SUMMED)
)
# Whatever of the other classes counted when the row was written. A difference to an earlier row
# of its response may span a change of that.
_UNCOUNTABLE = (
    "SELECT id FROM usage WHERE seq = 0 AND (counted NOT IN ("
    + ", ".join(
        " + ".join(
            ("output", *(name for name, counts in zip(CLASSES[:4], chosen, strict=True) if counts))
        )
        for chosen in product((False, True), repeat=4)
    )
    + ") OR "
    + " OR ".join(f"{name} < 0" for name in CLASSES)
    + ") ORDER BY id LIMIT 100"
)
_IMPOSSIBLE = (
    "SELECT account, provider, hour FROM rollup WHERE partials + estimates > requests OR "
    + " OR ".join(f"{name} < 0" for name in (*_SUMMED, *_KINDS))
    + " ORDER BY hour LIMIT 100"
)
# What the gate reads: each scope's total is the sum of its days.
_DAYS_DIFFER = (
    "SELECT scope, provider FROM spend WHERE win <> 'hour' GROUP BY scope, provider HAVING"
    + " OR".join(
        f" sum(CASE WHEN win = '' THEN {name} ELSE 0 END)"
        f" <> sum(CASE WHEN win = '' THEN 0 ELSE {name} END)"
        for name in ("tokens", "requests")
    )
)
# No correction takes back what was not there. Days follow: they add up to the total.
_NEGATIVE = (
    "SELECT scope, provider, sum(tokens) FROM (SELECT scope, provider, tokens FROM spend"
    " WHERE win = '' UNION ALL SELECT scope, provider, tokens FROM spend_open) both_sums"
    " GROUP BY scope, provider HAVING sum(tokens) < 0"
)
_HOURS = (
    "SELECT scope, provider, bucket, sum(tokens) AS tokens, sum(requests) AS requests FROM"
    " (SELECT scope, provider, bucket, tokens, requests FROM spend WHERE win = 'hour' UNION ALL"
    " SELECT scope, provider, bucket, tokens, requests FROM spend_open) both_places"
    " WHERE bucket >= ? GROUP BY scope, provider, bucket"
)
_REPORTED = (
    "coalesce((SELECT sum(r.{}) FROM rollup r JOIN account_scope a"
    " ON a.account = r.account AND a.scope = o.scope"
    " WHERE r.hour = o.bucket AND r.provider = o.provider), 0)"
)
_HOURS_DIFFER = (
    f"SELECT o.scope, o.provider, o.bucket FROM ({_HOURS}) o"
    f" WHERE o.tokens <> {_REPORTED.format('counted')}"
    f" OR o.requests <> {_REPORTED.format('requests')}"
)


def wrong_sums(db: Db) -> list[str]:
    """What does not add up, in words. Reads everything; belongs in a read transaction."""
    return [*_wrong_reports(db), *_wrong_rows(db), *_wrong_spending(db), *_wrong_hours(db)]


def _wrong_reports(db: Db) -> list[str]:
    found = []
    for account, provider, *sums in db.query(_REPORTS_DIFFER):
        more = ", ".join(f"{int(n):+d} {name}" for name, n in zip(_SUMMED, sums, strict=True) if n)
        found.append(f"reports of {account} for {provider} are not what its rows have ({more})")
    return found


def _wrong_rows(db: Db) -> list[str]:
    rows = [f"the token classes of row {row_id} do not fit" for (row_id,) in db.query(_UNCOUNTABLE)]
    return rows + [
        f"the report of {account} for {provider} in the hour {hour} cannot be"
        for account, provider, hour in db.query(_IMPOSSIBLE)
    ]


def _wrong_spending(db: Db) -> list[str]:
    return [
        f"the days of {scope} for {provider} do not add up to its total"
        for scope, provider in db.query(_DAYS_DIFFER)
    ] + [
        f"{scope} has spent {tokens} tokens of {provider} in all"
        for scope, provider, tokens in db.query(_NEGATIVE)
    ]


def _wrong_hours(db: Db) -> list[str]:
    """Hours that are still kept, unless a bottle has been given other scopes since they began."""
    moved = float(db.value("SELECT value FROM counter WHERE name = 'moved'"))
    return [
        f"the hour {bucket} of {scope} for {provider} is not what its bottles have spent"
        for scope, provider, bucket in db.query(_HOURS_DIFFER, windows.bucket("hour", moved))
        if hour_start(bucket) > moved
    ]
