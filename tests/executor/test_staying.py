"""What is done while it is seen whether started containers stay up, and for how long that is."""

from __future__ import annotations

import pytest

from botbottle.errors import Transient
from botbottle.model.plan import Ref, RemoveContainer, StartContainer
from tests.executor.test_ready import starting
from tests.support.engines import Lab
from tests.support.executing import Bench


def made(lab: Lab, *command: str) -> Ref:
    spec = lab.spec(command=command or ("/bin/sleep", "600"))
    return Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))


def test_it_is_done_once_after_the_last_op_and_costs_no_time_of_its_own(
    lab: Lab, bench: Bench
) -> None:
    seen: list[object] = []

    def act() -> None:
        seen.append(lab.engine.observe(lab.home).containers[0].state)
        bench.clock.sleep(0.06)

    assert bench.run(starting(made(lab)), meanwhile=act).ok
    assert seen == ["running"]
    assert bench.clock.now() - 1000 == pytest.approx(0.2)


def test_one_that_takes_long_is_followed_by_a_look_all_the_same(lab: Lab, bench: Bench) -> None:
    ref = made(lab)

    def act() -> None:
        bench.clock.sleep(5.0)
        lab.engine.kill(ref)

    (failed,) = bench.run(starting(ref), meanwhile=act).failed
    assert "exit code 137" in failed.error.message


@pytest.mark.parametrize(
    ("takes", "whole", "looks"), [(0.06, 0.2, 3), (0.15, 0.2, 3), (0.3, 0.3, 2)]
)
def test_its_time_is_not_waited_for_a_second_time(
    lab: Lab,
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    takes: float,
    whole: float,
    looks: int,
) -> None:
    ref, looked = made(lab), list[float]()
    look = lab.engine.container

    def container(asked: Ref) -> object:
        looked.append(bench.clock.now() - 1000)
        return look(asked)

    monkeypatch.setattr(lab.engine, "container", container)
    assert bench.run(starting(ref), meanwhile=lambda: bench.clock.sleep(takes)).ok
    assert bench.clock.now() - 1000 == pytest.approx(whole)
    assert len(looked) == looks and looked[-1] == pytest.approx(whole)


@pytest.mark.parametrize("takes", [0.0, 0.06, 0.15, 0.25])
@pytest.mark.parametrize("dies", [0.01, 0.06, 0.11, 0.16, 0.19])
def test_one_that_dies_in_the_time_it_has_to_stay_up_is_found(
    lab: Lab, bench: Bench, takes: float, dies: float
) -> None:
    """Whatever is done meanwhile; time passes only in sleeps, so each moment is met."""
    ref = made(lab)
    bench.clock.at(dies, lambda: lab.engine.kill(ref))

    def act() -> None:
        bench.clock.sleep(takes)

    (failed,) = bench.run(starting(ref), meanwhile=act).failed
    assert "exit code 137" in failed.error.message


@pytest.mark.parametrize("dies", [0.0, 0.19])
def test_the_time_of_what_follows_the_last_start_counts(
    lab: Lab, bench: Bench, dies: float
) -> None:
    """The old copy is removed after the new one runs: that one need not stay up for longer."""
    ref, old = made(lab), lab.run(lab.spec("old"))
    remove, kill = lab.engine.remove_container, lab.engine.kill
    if dies:
        bench.clock.at(dies, lambda: kill(ref))

    def slowly(gone: Ref, *, kill: bool = False) -> None:
        bench.clock.sleep(0.15)
        remove(gone, kill=kill)

    lab.engine.remove_container = slowly  # type: ignore[method-assign]
    removal = RemoveContainer(
        id="r", resource="x", bottle="x", reason="x", after=("start",), ref=old, kill=True
    )
    result = bench.run(starting(ref), removal)
    assert bench.clock.now() - 1000 == pytest.approx(0.2)
    assert [f.op.id for f in result.failed] == (["start"] if dies else [])


@pytest.mark.parametrize(("blind", "times"), [((1,), 1), ((2,), 2), ((3,), 2)])
def test_it_is_done_again_when_a_later_look_says_nothing(
    lab: Lab,
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    blind: tuple[int, ...],
    times: int,
) -> None:
    ref, looks, done = made(lab), [0], [0]
    look = lab.engine.container

    def container(asked: Ref) -> object:
        looks[0] += 1
        if looks[0] in blind:
            raise Transient("busy")
        return look(asked)

    monkeypatch.setattr(lab.engine, "container", container)

    def act() -> None:
        done[0] += 1

    assert bench.run(starting(ref), meanwhile=act).ok
    assert (looks[0], done[0]) == (3, times)


def test_after_a_failure_it_is_left_out(lab: Lab, bench: Bench) -> None:
    def act() -> None:
        raise AssertionError("nothing to verify")

    broken = StartContainer(id="b", resource="x", bottle="x", reason="x", ref=Ref("nobody"))
    result = bench.run(starting(made(lab)), broken, meanwhile=act)
    assert [f.op.id for f in result.failed] == ["b"]


def test_where_nothing_was_started_there_is_no_pause_for_it(lab: Lab, bench: Bench) -> None:
    def act() -> None:
        raise AssertionError("no pause")

    assert bench.run(meanwhile=act).ok
    assert bench.clock.slept == []
