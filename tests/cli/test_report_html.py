"""The report reads this project's rows from a real ledger and writes for its owner alone."""

from __future__ import annotations

from pathlib import Path

from botbottle.cli.report_html import collect, described
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit, Scope
from tests.support.worlds import declared

NOW = 1_800_000_000.0


def test_only_this_projects_rows_are_read(tmp_path: Path) -> None:
    ledger = open_ledger(str(tmp_path / "l.db"), create=True)
    for project in ("proj-1", "proj-2"):
        scope = Scope("agent", f"agent:{project}/web", (Limit("claude", 1000),))
        ledger.register(f"{project}/web", (scope,), agent=f"{project}/web")
        ledger.record_event(
            f"{project}/web", "denial", {"code": "no-route", "host": project}, now=NOW
        )
        ledger.hold(f"{project}/web", "cutoff", by="ann", reason=project, now=NOW)
    made = collect(ledger, declared(), NOW - 100, NOW + 1)
    assert [(x.bottle, x.what, x.detail) for x in made.denials] == [("web", "no-route", "proj-1")]
    assert [b.scope for b in made.budgets] == ["agent:proj-1/web"]
    assert len(made.audit) == 1 and "proj-1" in made.audit[0].detail
    assert made.audit_problem == ""
    assert collect(ledger, declared(), NOW + 1, NOW + 2).denials == ()
    ledger.close()


def test_an_events_fields_are_shown_in_a_fixed_order() -> None:
    data = {"path": "/x", "host": "a", "code": "no-route", "secret": "hidden"}
    assert described(data) == ("no-route", "a /x") and described({}) == ("", "")
