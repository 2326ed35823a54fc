"""A sidecar that should refuse is stopped for its silence only after a second, later look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.model.plan import Plan, PushConfig, StopContainer
from botbottle.model.resources import Observed, SidecarStatus
from botbottle.patience import PATIENCE, certain, silenced
from tests.planner.test_cut_off import WANT, order, unheard
from tests.support.sessions import session
from tests.support.worlds import World

ANSWER = 2.0  # seconds that a question without an answer takes: control.adapter's


class Host:
    """A world whose only sidecar answers from the ``slow``-th question on."""

    def __init__(self, slow: int, *, held: bool = True) -> None:
        self.world = World()
        self.world.converge(WANT)
        self.answers = dict(self.world.observed.sidecars)
        unheard(self.world)
        if held:
            order(self.world)
        self.slow, self.time, self.asked = slow, 0.0, list[float]()

    def ask(self, seen: Observed) -> Mapping[str, SidecarStatus | None]:
        self.asked.append(self.time)
        late = len(self.asked) < self.slow
        self.time += ANSWER if late else 0.0
        return {c.id: None if late else self.answers[c.id] for c in seen.containers}

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def planned(self, seen: Observed) -> Plan:
        self.world.observed = seen
        return self.world.plan(WANT)

    def certain(self) -> tuple[Plan, Observed]:
        first, seen = self.world.plan(WANT), self.world.observed
        return certain(
            first, seen, self.planned, self.ask, clock=lambda: self.time, sleep=self.sleep
        )


def stops(plan: Plan) -> list[StopContainer]:
    return [op for op in plan.ops if isinstance(op, StopContainer)]


@pytest.mark.parametrize("slow", [1, 2])
def test_one_that_answers_a_later_question_is_told_to_refuse_and_not_stopped(slow: int) -> None:
    host = Host(slow)
    assert stops(host.world.plan(WANT)), "one question alone would stop it"
    plan, seen = host.certain()
    assert not stops(plan)
    (push,) = [op for op in plan.ops if isinstance(op, PushConfig)]
    assert push.config.hold.policy and not push.config.routes
    assert seen.sidecars == host.answers and len(host.asked) == slow


def test_one_that_never_answers_is_stopped_within_a_stated_time() -> None:
    host = Host(slow=1000)
    plan, seen = host.certain()
    assert stops(plan) and not seen.sidecars
    assert len(host.asked) >= 2 and host.time <= PATIENCE + ANSWER


def test_one_that_is_not_there_yet_is_asked_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: each question ends at once, and the time is waited all the same."""
    host = Host(slow=1000)

    def nobody(seen: Observed) -> Mapping[str, SidecarStatus | None]:
        host.asked.append(host.time)
        return {c.id: None for c in seen.containers}

    monkeypatch.setattr(host, "ask", nobody)
    plan, _ = host.certain()
    assert stops(plan) and host.asked[-1] > PATIENCE - 1.0 and len(host.asked) < 20


def test_where_nobody_has_to_refuse_nobody_is_asked_again() -> None:
    host = Host(slow=1000, held=False)
    plan, _ = host.certain()
    assert not stops(plan) and host.asked == [] and host.time == 0.0


def test_of_two_only_the_silent_one_is_stopped() -> None:
    host = Host(slow=1000)
    (sidecar,) = host.world.by_kind("egress")
    other = replace(sidecar, id="f" * 64)
    seen = replace(host.world.observed, containers=(*host.world.observed.containers, other))
    (stop,) = stops(host.world.plan(WANT))
    both = tuple(
        replace(stop, id=f"stop:{c.id}", ref=replace(stop.ref, id=c.id)) for c in (sidecar, other)
    )
    first = Plan("p", ops=both)
    looked: list[list[str]] = []

    def ask(now: Observed) -> Mapping[str, SidecarStatus | None]:
        host.time += 1.0
        looked.append([c.id for c in now.containers])
        return {c.id: SidecarStatus() if c.id == other.id else None for c in now.containers}

    plan, after = certain(
        first, seen, lambda o: Plan("p", ops=both[:1] if other.id in o.sidecars else both), ask,
        clock=lambda: host.time, sleep=host.sleep,
    )  # fmt: skip
    assert plan.ops == both[:1] and set(after.sidecars) == {other.id}
    assert looked[0] == [sidecar.id, other.id] and set(map(tuple, looked[1:])) == {(sidecar.id,)}


def test_the_next_plan_asks_it_once_and_knows_it_for_silent_until_it_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host, made = Host(slow=1000), session(tmp_path)
    looks: list[int] = []

    def patient(first: Plan, seen: Observed, *_: object, known: set[str]) -> tuple[Plan, Observed]:
        looks.append(len(silenced(first) - known))
        return first, seen

    monkeypatch.setattr("botbottle.session.certain", patient)
    monkeypatch.setattr("botbottle.session.plan", lambda _d, seen, *_: host.planned(seen))
    silent = host.world.observed
    given: Any = (WANT, None, None)
    for seen in (silent, silent, replace(silent, sidecars=host.answers), silent):
        made.planned(given[0], seen, given[1], given[2])
    assert looks == [1, 0, 0, 1]
