"""Every op and change says why, in a code that programs may rely on."""

from __future__ import annotations

import pytest

from tests.planner.test_determinism import want as everything
from tests.planner.test_determinism import world as eventful
from tests.planner.test_properties import story
from tests.planner.test_races import race
from tests.support.worlds import FACTS

# Codes are only added: readers treat an unknown one as unspecified.
KNOWN = {
    "adopted", "attachments", "budget-changed", "budget-exhausted", "config-changed", "destroy",
    "disconnected", "duplicate-network", "env-outdated", "extra-copy", "final-name", "frozen",
    "held", "killed", "latched", "lifted", "limits-changed", "limits-unknown", "makes-way",
    "missing", "narrows-first", "network-changed", "network-superseded", "never-started",
    "new-container", "not-answering", "not-configured", "not-declared", "not-ready", "not-running",
    "not-wanted",
    "operator", "paused", "renamed", "restored", "resumed", "secret-changed", "should-not-run",
    "spec-changed", "started", "state-absent", "superseded", "waits",
}  # fmt: skip


def reasons(seeds: range) -> set[str]:
    found: set[str] = set()
    for seed in seeds:
        world, want = story(seed, 4)
        raced, raced_want = race(seed)
        plans = [world.plan(want), raced.plan(raced_want, raced.facts)]
        plans.append(world.plan(everything()))
        plans.append(eventful().plan(everything(), FACTS))
        for plan in plans:
            found |= {op.reason for op in plan.ops} | {c.reason for c in plan.changes}
    return found


@pytest.fixture(scope="module")
def found() -> set[str]:
    return reasons(range(60))


def test_every_reason_is_a_known_code(found: set[str]) -> None:
    assert found - KNOWN == set()


def test_the_histories_reach_most_of_them(found: set[str]) -> None:
    assert len(found & KNOWN) >= 20, sorted(KNOWN - found)
