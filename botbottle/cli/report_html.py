"""``bb report``: usage, budgets, denials, findings and audit as one page to keep or send."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.options import Invocation, Option
from botbottle.cli.product import write_private
from botbottle.cli.shared import Since
from botbottle.cli.usage import parse_since
from botbottle.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Declared
    from botbottle.ui.report import Line, Report

ROWS = 1000  # newest denials, findings and audit rows that are read
DETAILS = ("code", "rule", "method", "host", "path", "reason", "action")


def report(
    ctx: Invocation,
    since: Since = "7d",
    out: Annotated[Path | None, Option("--out", help="Write here, readable by you alone.")] = None,
) -> int:
    """Usage, budgets, denials, findings and audit as one HTML page."""
    context = ctx.obj
    target = context.product(out) if out else None
    session = open_session(context)
    declared = load_declared(context, session)
    ledger = session.reading(declared)
    if ledger is None:
        raise Refused("nothing was ever applied here", code="BB7009", hint="bb apply")
    from botbottle.ui.report import render

    try:
        now = time.time()
        page = render(collect(ledger, declared, parse_since(since) or 0.0, now))
    finally:
        session.close()
    if target is None:
        context.out.write(page)
    else:
        write_private(target, page, "the report")
        context.err.write(f"bb report: {out} written\n")
    return 0


def collect(ledger: Ledger, declared: Declared, since: float, now: float) -> Report:
    """One reading of the ledger; only this project's rows."""
    from botbottle.ui import report as ui

    prefix = f"{declared.project.id}/"
    usage = ledger.usage(("account", "provider", "day"), since=since or None)
    scopes = {s.key for a in ledger.accounts() if a.name.startswith(prefix) for s in a.scopes}
    check = ledger.verify_audit()
    audit = ledger.audit(since=since, limit=ROWS)
    return ui.Report(
        project=declared.project.id,
        since=since,
        until=now,
        usage=tuple(
            ui.Spent(r.keys[0].removeprefix(prefix), r.keys[1], r.keys[2], r.tokens.total,
                     r.requests)
            for r in usage
            if r.keys[0].startswith(prefix)
        ),
        budgets=tuple(
            ui.Budget(p.scope, p.provider, p.window, p.spent, p.limit)
            for p in ledger.view(now).pools
            if p.scope in scopes
        ),
        denials=events(ledger, "denial", prefix, since),
        findings=events(ledger, "finding", prefix, since),
        audit=tuple(
            ui.Line(
                r.at, r.account.removeprefix(prefix), f"{r.action} {r.policy}".strip(),
                " ".join(x for x in (f"by {r.by}", r.trigger, r.detail) if x),
            )
            for r in reversed(audit)
            if r.account.startswith(prefix) or r.account in scopes
        ),
        audit_problem="" if check.ok else check.problem,
        cut=ROWS,
    )  # fmt: skip


def events(ledger: Ledger, kind: Any, prefix: str, since: float) -> tuple[Line, ...]:
    """The newest events of a kind, newest first."""
    from botbottle.ui.report import Line

    found = ledger.events(kind=kind, limit=ROWS)
    return tuple(
        Line(e.at, e.account.removeprefix(prefix), *described(e.data))
        for e in reversed(found)
        if e.account.startswith(prefix) and e.at >= since
    )


def described(data: Mapping[str, Any]) -> tuple[str, str]:
    """(what, detail) of an event: known fields in a fixed order."""
    known = [str(data[k]) for k in DETAILS if data.get(k)]
    return (known[0], " ".join(known[1:])) if known else ("", "")
