"""The details of one bottle from the ledger and the last observation."""

from __future__ import annotations

from botbottle.ledger.api import Ledger
from botbottle.ledger.records import AuditRow, LedgerEvent
from botbottle.ledger.usage import hour_start
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec
from botbottle.model.paths import account
from botbottle.planner.reach import atoms, route_atoms
from botbottle.planner.wanted import routes
from botbottle.ui.denied import place
from botbottle.ui.top.build import Seen
from botbottle.ui.top.model import Detail, Entry, Refused, Request

NEWEST = 20
HOURS = 24


def key_of(seen: Seen, bottle: str) -> str:
    """A bottle's account."""
    return account(seen.declared.project.id, bottle)


def detail(
    seen: Seen, ledger: Ledger | None, bottle: str, minutes: tuple[int, ...], now: float
) -> Detail:
    """One bottle. Raises LedgerError."""
    spec = next((b for b in seen.everyone.bottles if b.name == bottle), None)
    if spec is None:
        return Detail(bottle, problem="no manifest declares it any more")
    reach = reach_of(seen, spec)
    if ledger is None:
        return Detail(bottle, routes=reach, problem="nothing was ever applied here")
    key = key_of(seen, bottle)
    return Detail(
        bottle,
        minutes=minutes,
        hours=hours(ledger, key, now),
        routes=reach,
        requests=tuple(
            Request(r.recorded_at, r.model, r.counted, r.completeness)
            for r in ledger.exchanges(account=key, limit=NEWEST)
        ),
        denials=tuple(
            refused(e) for e in reversed(ledger.events(account=key, kind="denial", limit=NEWEST))
        ),
        audit=tuple(entry(r) for r in reversed(ledger.audit(account=key, limit=NEWEST))),
    )


def hours(ledger: Ledger, key: str, now: float) -> tuple[int, ...]:
    """Counted tokens of the last HOURS hours of the clock, oldest first."""
    out = [0] * HOURS
    this = now // 3600
    for found in ledger.usage(("hour",), account=key, since=now - (HOURS - 1) * 3600):
        back = int(this - hour_start(found.keys[0]) // 3600)
        if 0 <= back < HOURS:
            out[HOURS - 1 - back] += found.counted
    return tuple(out)


def reach_of(seen: Seen, spec: BottleSpec) -> tuple[str, ...]:
    """What is active in the sidecar; else what is declared, and that it is not active."""
    for container in seen.observed.containers if seen.observed else ():
        mine = (container.labels.get(labels.BOTTLE), container.labels.get(labels.PROJECT))
        if mine != (spec.name, spec.project) or container.labels.get(labels.KIND) != "egress":
            continue
        status = seen.observed.sidecars.get(container.id) if seen.observed else None
        if status is not None and status.config is not None:
            return tuple(sorted(atoms(status.config))) or ("nothing",)
    return tuple(f"(not active) {a}" for r in routes(spec) for a in route_atoms(r))


def refused(event: LedgerEvent) -> Refused:
    """A denial as its sidecar reported it."""
    data = event.data
    return Refused(event.at, str(data.get("code", "")), place(data), str(data.get("reason", "")))


def entry(row: AuditRow) -> Entry:
    """An audit row in one line."""
    change = f"{row.before} → {row.after}" if row.before or row.after else ""
    parts = (row.policy, change, f"by {row.by}" if row.by else "", row.detail)
    return Entry(row.at, row.action, "  ".join(p for p in parts if p))
