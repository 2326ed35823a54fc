"""Metrics in Prometheus' text format: counted right, escaped, parsed by a reader of that format."""

from __future__ import annotations

import re

from botbottle.model.plan import BudgetRow, Held, Plan
from botbottle.watch.metrics import Metrics
from botbottle.watch.select import decide

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+)\})? (\S+)')


def parse(text: str) -> dict[tuple[str, str], float]:
    """Every sample; each family has HELP and TYPE first and appears once."""
    found: dict[tuple[str, str], float] = {}
    families: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP"):
            families.append(line.split()[2])
        elif line.startswith("# TYPE"):
            assert line.split()[2] == families[-1]
            assert line.split()[3] in ("counter", "gauge", "histogram")
        else:
            match = LINE.fullmatch(line)
            assert match, line
            assert match[1].startswith(families[-1])
            found[match[1], match[2] or ""] = float(match[3])
    assert len(families) == len(set(families)) and text.endswith("\n")
    return found


def passed(**more: object) -> dict[str, object]:
    return {"event": "pass", "ms": 80.0, "observed_ms": 40.0, "done": 0, "failed": 0,
            "not_started": 0, **more}  # fmt: skip


def test_passes_and_operations_are_counted_by_how_they_ended() -> None:
    metrics = Metrics({})
    for record in (passed(), passed(done=3), passed(done=1, failed=1), passed(not_started=2)):
        metrics.record(record)
    found = parse(metrics.text())
    count = {k: found["bb_watch_passes_total", f'result="{k}"'] for k in ("idle", "ok", "failed")}
    assert count == {"idle": 1, "ok": 1, "failed": 2}
    assert found["bb_watch_operations_total", 'outcome="done"'] == 4
    assert found["bb_watch_operations_total", 'outcome="not_started"'] == 2


def test_buckets_are_cumulative_and_end_with_all() -> None:
    metrics = Metrics({})
    for ms in (10.0, 60.0, 80.0, 60000.0):
        metrics.record(passed(ms=ms))
    found = parse(metrics.text())
    assert found["bb_watch_pass_seconds_bucket", 'le="0.05"'] == 1
    assert found["bb_watch_pass_seconds_bucket", 'le="0.1"'] == 3
    assert found["bb_watch_pass_seconds_bucket", 'le="30"'] == 3
    assert found["bb_watch_pass_seconds_bucket", 'le="+Inf"'] == 4
    assert found["bb_watch_pass_seconds_count", ""] == 4
    assert found["bb_watch_pass_seconds_sum", ""] == 60.15


def test_other_records_are_counted_by_event_and_level() -> None:
    metrics = Metrics({})
    for _ in range(2):
        metrics.record({"event": "damped", "level": "warning"})
    metrics.record({"event": "op", "outcome": "done"})  # the pass counts it
    found = parse(metrics.text())
    assert found["bb_watch_log_records_total", 'event="damped",level="warning"'] == 2
    assert not any("op" in labels for _, labels in found if 'event="op"' in labels)


def test_the_newest_plan_shows_budgets_and_holds_with_names_escaped() -> None:
    plan = Plan(
        project="p",
        budgets=(BudgetRow('agent:p/"we\\b\n', "claude", "", 1_700_000_123, 2_000_000_000),),
        held=(Held("web", "freeze", "spent", "bb resume web"),),
    )
    metrics = Metrics({"bb_watch_bottles": ("Declared bottles.", lambda: 7)})
    metrics.decided(decide(plan, "safe", frozenset()))
    found = parse(metrics.text())
    scope = 'scope="agent:p/\\"we\\\\b\\n",provider="claude",window="all"'
    assert found["bb_budget_spent_tokens", scope] == 1_700_000_123, "no digit is lost"
    assert found["bb_budget_limit_tokens", scope] == 2_000_000_000
    assert found["bb_bottle_held", 'bottle="web",policy="freeze"'] == 1
    assert found["bb_watch_bottles", ""] == 7
    assert found["bb_plan_operations", 'allowed="no"'] == 0
