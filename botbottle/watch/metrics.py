"""What the loop counts, in the Prometheus text exposition format 0.0.4.

Written by hand: the format is lines of ``name{label="value"} number`` after HELP and TYPE lines
(https://prometheus.io/docs/instrumenting/exposition_formats/), with ``\\``, ``"`` and line breaks
escaped in label values. Fed by the log's records and by each decision; asks nobody anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from botbottle.model.plan import Plan
from botbottle.watch.select import Decision

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds

type Labels = tuple[tuple[str, str], ...]
type Sample = tuple[str, Labels, float]  # suffix of the name, labels, value


class Histogram(Struct):
    """Durations in seconds, in cumulative buckets."""

    counts: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    total: int = 0
    sum: float = 0.0

    def observe(self, seconds: float) -> None:
        self.total += 1
        self.sum += seconds
        for place, bound in enumerate(BUCKETS):
            self.counts[place] += seconds <= bound

    def samples(self) -> Iterator[Sample]:
        for bound, count in zip(BUCKETS, self.counts, strict=True):
            yield "_bucket", (("le", f"{bound:g}"),), count
        yield "_bucket", (("le", "+Inf"),), self.total
        yield "_sum", (), self.sum
        yield "_count", (), self.total


class Metrics:
    """Counts of one watch. ``gauges`` are asked when somebody reads: name → (help, function)."""

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._gauges = dict(gauges)
        self._lock = threading.Lock()
        self._passes: dict[str, int] = {"idle": 0, "ok": 0, "failed": 0}
        self._ops: dict[str, int] = {"done": 0, "failed": 0, "not_started": 0}
        self._events: dict[tuple[str, str], int] = {}
        self._seconds, self._observing = Histogram(), Histogram()
        self._plan: Plan | None = None
        self._left = 0

    def record(self, record: Mapping[str, Any]) -> None:
        """A sink of the log."""
        with self._lock:
            name = str(record.get("event", ""))
            if name == "pass":
                self._passed(record)
            elif name != "op":
                key = (name, str(record.get("level", "info")))
                self._events[key] = self._events.get(key, 0) + 1

    def decided(self, decision: Decision) -> None:
        """What the newest pass found."""
        with self._lock:
            self._plan, self._left = decision.plan, len(decision.part.ops)

    def _passed(self, record: Mapping[str, Any]) -> None:
        for outcome in self._ops:
            self._ops[outcome] += int(record.get(outcome, 0))
        bad = record.get("failed", 0) or record.get("not_started", 0)
        self._passes["failed" if bad else "ok" if record.get("done") else "idle"] += 1
        self._seconds.observe(float(record.get("ms", 0.0)) / 1000)
        self._observing.observe(float(record.get("observed_ms", 0.0)) / 1000)

    def text(self) -> str:
        """Everything, as one document."""
        with self._lock:
            return "".join(self._families())

    def _families(self) -> Iterator[str]:
        yield _family("bb_watch_passes_total", "counter", "Passes, by how they ended.",
                      (("", (("result", k),), n) for k, n in self._passes.items()))  # fmt: skip
        yield _family("bb_watch_operations_total", "counter", "Operations of passes, by outcome.",
                      (("", (("outcome", k),), n) for k, n in self._ops.items()))  # fmt: skip
        yield _family("bb_watch_log_records_total", "counter", "Other log records, by event.",
                      (("", (("event", e), ("level", v)), n)
                       for (e, v), n in sorted(self._events.items())))  # fmt: skip
        yield _family("bb_watch_pass_seconds", "histogram", "Length of passes.",
                      self._seconds.samples())  # fmt: skip
        yield _family("bb_watch_observe_seconds", "histogram", "Observing and planning in a pass.",
                      self._observing.samples())  # fmt: skip
        for name, (text, read) in self._gauges.items():
            yield _family(name, "gauge", text, (("", (), read()),))
        if self._plan is not None:
            yield from _of_plan(self._plan, self._left)


def _of_plan(plan: Plan, allowed: int) -> Iterator[str]:
    yield _family("bb_plan_operations", "gauge", "Operations that the newest pass found to do.",
                  (("", (("allowed", "yes"),), allowed),
                   ("", (("allowed", "no"),), len(plan.ops) - allowed)))  # fmt: skip
    held = (("", (("bottle", h.bottle), ("policy", h.policy)), 1) for h in plan.held)
    yield _family("bb_bottle_held", "gauge", "Bottles that a budget or an order holds back.", held)
    for name, text, of in (
        ("bb_budget_spent_tokens", "Tokens spent from a budget.", "spent"),
        ("bb_budget_limit_tokens", "Tokens a budget allows.", "limit"),
    ):
        yield _family(name, "gauge", text, (
            ("", (("scope", b.scope), ("provider", b.provider), ("window", b.window or "all")),
             getattr(b, of)) for b in plan.budgets))  # fmt: skip


def _family(name: str, kind: str, text: str, samples: Iterator[Sample] | tuple[Sample, ...]) -> str:
    """HELP, TYPE and the samples of one family."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{suffix}{_labels(labels)} {value!r}" for suffix, labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
