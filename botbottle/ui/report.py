"""The report: one HTML page with no script, no network and nothing unescaped. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape

from msgspec import Struct

from botbottle.ui.chart import Bars, stacked
from botbottle.ui.visible import visible

CSS = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;
color:#1b1f24;background:#fff}
h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.15rem;margin-top:2.2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;
border-bottom:1px solid #d5dae0;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.meter{background:#e6e9ed;height:.7rem;min-width:8rem}.meter div{height:100%;background:#0072b2}
.meter div.near{background:#e69f00}.meter div.out{background:#d55e00}
.quiet{color:#5a646f}svg{max-width:100%;height:auto}
@media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#14171a}
th,td{border-color:#343a41}.meter{background:#343a41}.quiet{color:#9aa4af}
svg text{fill:#e6e9ed}}
"""
# Nothing may be loaded, run or sent by the page, whatever its content says.
CSP = "default-src 'none'; style-src 'unsafe-inline'"

type Cell = str | int


class Spent(Struct, frozen=True):
    """Tokens of one bottle and provider on one day (``2026-01-31``, UTC)."""

    bottle: str
    provider: str
    day: str
    tokens: int
    requests: int


class Budget(Struct, frozen=True):
    """A pool: tokens spent and its limit, in ``window`` (empty: in all)."""

    scope: str
    provider: str
    window: str
    spent: int
    limit: int


class Line(Struct, frozen=True):
    """One denial, finding or audit row: time in epoch seconds, bottle, what, more."""

    at: float
    bottle: str
    what: str
    detail: str = ""


class Report(Struct, frozen=True):
    """All that is shown. Times in epoch seconds; ``audit_whole`` is empty when the chain is
    whole, else what is wrong with it."""

    project: str
    since: float
    until: float
    usage: tuple[Spent, ...] = ()
    budgets: tuple[Budget, ...] = ()
    denials: tuple[Line, ...] = ()
    findings: tuple[Line, ...] = ()
    audit: tuple[Line, ...] = ()
    audit_problem: str = ""
    cut: int = 0  # most rows of a list that are read; reaching it is said


def render(report: Report) -> str:
    """The page as text."""
    title = f"botbottle report: {report.project}"
    body = "".join(
        (
            f"<h1>{escape(title)}</h1>",
            f'<p class="quiet">{stamp(report.since)} to {stamp(report.until)} UTC</p>',
            _usage(report.usage),
            _budgets(report.budgets),
            _lines("Denials", report.denials, report.cut),
            _lines("Findings", report.findings, report.cut),
            _lines("Audit", report.audit, report.cut, _chain(report.audit_problem)),
        )
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def stamp(at: float) -> str:
    """``2026-01-31 12:00``, UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: frozenset[int]) -> str:
    """Cells are escaped; columns in ``numbers`` are set right."""

    def cells(tag: str, row: Sequence[Cell]) -> str:
        return "".join(
            f"<{tag}{' class=n' if i in numbers else ''}>{_text(c)}</{tag}>"
            for i, c in enumerate(row)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', heads)}</tr></thead><tbody>{lines}</tbody></table>"


def _text(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else escape(visible(cell))


def _usage(usage: tuple[Spent, ...]) -> str:
    if not usage:
        return '<h2>Usage</h2><p class="quiet">No usage in this time.</p>'
    days = sorted({u.day for u in usage})
    charts = "".join(
        f"<h3>By {name}</h3>{stacked(_bars(usage, name, days))}" for name in ("bottle", "provider")
    )
    rows = [(u.day, u.bottle, u.provider, u.tokens, u.requests) for u in usage]
    total = sum(u.tokens for u in usage)
    heads = ("day", "bottle", "provider", "tokens", "requests")
    return (
        f"<h2>Usage</h2><p>{total:,} tokens in {sum(u.requests for u in usage):,} requests</p>"
        f"{charts}{table(heads, sorted(rows), frozenset((3, 4)))}"
    )


def _bars(usage: tuple[Spent, ...], name: str, days: list[str]) -> Bars:
    found: dict[str, dict[str, int]] = {}
    for u in usage:
        by_day = found.setdefault(visible(getattr(u, name)), {})
        by_day[u.day] = by_day.get(u.day, 0) + u.tokens
    series = sorted(found.items(), key=lambda kv: (-sum(kv[1].values()), kv[0]))
    return Bars(
        f"tokens a day by {name}",
        tuple(days),
        tuple((k, tuple(v.get(d, 0) for d in days)) for k, v in series),
    )


def _budgets(budgets: tuple[Budget, ...]) -> str:
    if not budgets:
        return '<h2>Budgets</h2><p class="quiet">No budget is set.</p>'
    rows = "".join(
        f"<tr><td>{_text(b.scope)}</td><td>{_text(b.provider)}</td>"
        f"<td>{_text(b.window or 'in all')}</td><td class=n>{b.spent:,}</td>"
        f"<td class=n>{b.limit:,}</td><td>{_meter(b)}</td></tr>"
        for b in budgets
    )
    heads = "".join(f"<th>{h}</th>" for h in ("scope", "provider", "window"))
    return (
        f"<h2>Budgets</h2><table><thead><tr>{heads}<th class=n>spent</th>"
        f"<th class=n>limit</th><th>used</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _meter(budget: Budget) -> str:
    share = 100 if budget.limit <= 0 else budget.spent * 100 // budget.limit
    style = "out" if share >= 100 else "near" if share >= 80 else "fine"
    width = max(0, min(share, 100))
    return f'{share} %<div class="meter"><div class="{style}" style="width:{width}%"></div></div>'


def _lines(title: str, lines: tuple[Line, ...], cut: int, note: str = "") -> str:
    if not lines:
        return f'<h2>{title}</h2>{note}<p class="quiet">None in this time.</p>'
    more = (
        f'<p class="quiet">The newest {cut:,} are shown.</p>' if cut and cut <= len(lines) else ""
    )
    rows = [(stamp(x.at), x.bottle, x.what, x.detail) for x in lines]
    heads = ("time (UTC)", "bottle", "what", "detail")
    return f"<h2>{title}</h2>{note}{more}{table(heads, rows, frozenset())}"


def _chain(problem: str) -> str:
    if problem:
        return f"<p><strong>The audit record was changed: {_text(problem)}</strong></p>"
    return "<p>The chain of the audit record is whole.</p>"
