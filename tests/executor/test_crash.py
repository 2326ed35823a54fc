"""A crash at every single writing call, before and after its effect: running again always ends in
the wanted world, strangers are untouched, and there are never two live copies."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from botbottle.engine.fake import Crash, FakeEngine, Faults
from botbottle.errors import EngineUnreachable
from botbottle.model import labels as lb
from botbottle.model.plan import Op
from botbottle.model.resources import ContainerSpec, NetworkSpec
from tests.support.executing import Bench
from tests.support.tinyplanner import HOME, Bottle, plan, running_copies

OLD = [Bottle("web", "10.201.7", "tiny:1"), Bottle("gone", "10.202.7", "tiny:1")]
NEW = [replace(OLD[0], version="2"), Bottle("fresh", "10.203.7", "tiny:1")]
EDITED = [replace(OLD[0], version="3"), Bottle("gone", "10.202.7", "tiny:1", "4")]


def engine() -> FakeEngine:
    """The old fleet runs, beside strangers."""
    made = FakeEngine()
    made.build(b"", tag="tiny:1", labels=())
    network = NetworkSpec("theirs", "internal", "x", True, "10.201.9.0/28")
    made.create_network(network, ((lb.HOME, "theirs"), (lb.BOTTLE, "web")))
    spec = ContainerSpec("bbt-web-agent-old", "agent", "web", "tiny:1")
    made.start(
        _ref(made.create_container(spec, spec.name, ((lb.HOME, "theirs"), (lb.BOTTLE, "web"))))
    )
    apply(made, OLD)
    made.restart()
    return made


def _ref(identity: str) -> object:
    from botbottle.model.plan import Ref

    return Ref("", identity)


def wanted(made: FakeEngine, bottles: list[Bottle]) -> list[Op]:
    return plan(bottles, made.observe(HOME))


def apply(made: FakeEngine, bottles: list[Bottle], parallel: int = 1) -> None:
    Bench(made).run(*wanted(made, bottles), parallel=parallel, settle=False)


def strangers(made: FakeEngine) -> list[object]:
    world = made.world
    return [
        (x.id, x.name, dict(x.labels), getattr(x, "state", ""))
        for x in [*world.containers.values(), *world.networks.values()]
        if x.labels.get(lb.HOME) != HOME
    ]


def writes(bottles: list[Bottle]) -> int:
    made = engine()
    apply(made, bottles)
    return len(made.calls)


def check(made: FakeEngine, bottles: list[Bottle], before: list[object]) -> None:
    assert wanted(made, bottles) == []
    assert strangers(made) == before
    assert running_copies(made.observe(HOME)) == {
        (b.name, kind): 1 for b in bottles for kind in ("agent", "egress")
    }


def crash(made: FakeEngine, bottles: list[Bottle], call: int, after: bool) -> bool:
    """One run that dies there; whether it did. Never two live copies, whenever it dies."""
    made.restart(Faults(crash_at=call, crash_after=after))
    try:
        apply(made, bottles)
        died = False
    except Crash:
        died = True
    made.restart()
    assert all(n == 1 for n in running_copies(made.observe(HOME)).values())
    return died


def test_the_plan_without_a_crash_converges_and_a_second_run_writes_nothing() -> None:
    made = engine()
    before = strangers(made)
    apply(made, NEW)
    assert len(made.calls) > 15
    check(made, NEW, before)
    made.restart()
    apply(made, NEW)
    assert made.calls == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_one_crash_at_every_call(after: bool) -> None:
    total = writes(NEW)
    for call in range(1, total + 1):
        made = engine()
        before = strangers(made)
        assert crash(made, NEW, call, after), call
        apply(made, NEW)
        check(made, NEW, before)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.chaos)])
def test_two_crashes_with_a_manifest_edit_between(step: int) -> None:
    """``step`` 1: every pair of calls; else a spread of pairs."""
    for first, after in itertools.product(range(1, writes(NEW) + 1), (False, True)):
        for second in itertools.count(1 + first % step, step):
            made = engine()
            before = strangers(made)
            crash(made, NEW, first, after)
            died = crash(made, EDITED, second, not after)
            apply(made, EDITED)
            check(made, EDITED, before)
            if not died:
                break


def test_an_answer_lost_at_every_call_is_repaired_within_the_same_run() -> None:
    for call in range(1, writes(NEW) + 1):
        made = engine()
        before = strangers(made)
        made.restart(
            Faults(fail_at=call, fail_with=lambda: EngineUnreachable("lost"), fail_after=True)
        )
        apply(made, NEW)
        made.restart()
        check(made, NEW, before)


def test_a_stale_look_leads_to_no_second_copy_and_one_more_run_repairs_it() -> None:
    for stale in range(1, writes(NEW) + 1):
        made = engine()
        before = strangers(made)
        made.restart(Faults(stale=stale))
        apply(made, NEW)
        apply(made, NEW)  # plans on a view that is `stale` writes old
        assert all(n <= 1 for n in running_copies(made.observe(HOME)).values())
        made.restart()
        apply(made, NEW)
        check(made, NEW, before)


@pytest.mark.parametrize("round_", range(10))
def test_a_crash_in_a_parallel_run_is_repaired_too(round_: int) -> None:
    for call in range(1, writes(NEW) + 1, 3):
        made = engine()
        before = strangers(made)
        made.restart(Faults(crash_at=call, crash_after=bool(round_ % 2)))
        with pytest.raises(Crash):
            apply(made, NEW, parallel=4)
        made.restart()
        apply(made, NEW, parallel=4)
        check(made, NEW, before)
