"""A fleet that exists nowhere, a source that gives it, a runner that only writes down."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from botbottle.ui.top.model import Ask, Budget, Detail, Entry, Fleet, Hold, Refused, Request, Row
from botbottle.ui.top.orders import Order, Outcome

NOW = 1_800_000_000.0


def row(bottle: str = "web", **changes: object) -> Row:
    budget = Budget("global", "claude", "day", 41_210, 500_000, 0, 12.5, 36_703.0, 40_000.0)
    base = Row(
        bottle, f"proj-1/{bottle}", bottle, "claude", "started", "running", "running", "ready",
        "claude-sonnet-4", (budget,), 12.5, NOW - 42, 0, 0,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def full(share: float) -> Budget:
    return Budget("agent:proj-1/x", "claude", "", int(share * 1_000_000), 1_000_000)


def small() -> Fleet:
    """Four bottles: fine, almost used up, cut off, broken with a proposal."""
    held = Hold("cutoff", "claude budget of global is used up", "bb budget set global claude 1M")
    rows = (
        row("api", budgets=(full(0.83),), burn=400.0, denials=3),
        row("docs", provider="codex", state="cut off", held=held, budgets=(full(1.0),)),
        row("tests", state="no answer", sidecar="not answering", proposals=1, budgets=()),
        row("web", drift=("web/egress-config",)),
    )
    ask = Ask(
        "abc123",
        "tests",
        "egress-allow",
        '{"host": "packages.example.org"}',
        "needs a package",
        NOW + 90,
    )
    return Fleet("proj-1", NOW, rows, (ask,), True, NOW)


def large(count: int = 100) -> Fleet:
    """Many bottles with figures that look like work."""
    dice = random.Random(7)
    rows = tuple(
        row(f"agent-{n:03}", budgets=(full(dice.random()),), burn=dice.random() * 500)
        for n in range(count)
    )
    return Fleet("proj-1", NOW, rows, (), True, NOW)


def detail(bottle: str) -> Detail:
    return Detail(
        bottle,
        tuple(range(60)),
        tuple(range(24)),
        ("api.anthropic.com any method /*",),
        (Request(NOW - 3, "claude-sonnet-4", 1200, "final"),),
        (Refused(NOW - 5, "no-route", "GET evil.example/x", "no route"),),
        (Entry(NOW - 9, "enforce", "cutoff  by bb"),),
    )


@dataclass
class FakeSource:
    """Gives one picture at the start and another whenever a test says so."""

    fleet: Fleet = field(default_factory=small)
    hurries: int = 0
    stopped: bool = False
    publish: Callable[[Fleet], None] = lambda _: None

    def start(self, publish: Callable[[Fleet], None]) -> None:
        self.publish = publish
        publish(self.fleet)

    def hurry(self) -> None:
        self.hurries += 1

    def detail(self, bottle: str) -> Detail:
        return detail(bottle)

    def stop(self) -> None:
        self.stopped = True


@dataclass
class Notebook:
    """A runner that writes down what it was told to do."""

    code: int = 0
    said: str = ""
    done: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, order: Order, reason: str) -> Outcome:
        self.done.append(order.argv(reason))
        return Outcome(self.code, self.said)
