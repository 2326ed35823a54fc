"""A ledger that refuses holds up no stop: what only takes away is done without, and told of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.errors import LedgerUnavailable
from botbottle.executor import Result, execute, only_taking, taking
from botbottle.model import labels as lb
from botbottle.model.bottle import Declared
from botbottle.model.plan import (
    ConnectNetwork,
    CreateContainer,
    DisconnectNetwork,
    Op,
    Plan,
    PushConfig,
    Ref,
    RemoveContainer,
    RemoveVolume,
    StartContainer,
    StopContainer,
)
from botbottle.model.resources import Attachment
from botbottle.planner.plan import plan
from botbottle.ui import events
from botbottle.vault import MemoryVault
from tests.executor.crashing import survives_every_crash
from tests.executor.ops import groups, retire, stop
from tests.executor.test_with_planner import one_less, other_env, prepared, two
from tests.support.engines import Lab
from tests.support.executing import KEY, Bench, FakeLedger, VirtualClock
from tests.support.fleet import SECRETS, Builder, Fleet
from tests.support.worlds import bottle, declared

TAKING = {"remove": one_less(), "cutoff by budget": two(), "kill": two(), "freeze": two()}


class Full(FakeLedger):
    """A journal on a disk without room for one more entry."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def intent(self, run: str, project: str, *, op: str, op_id: str, resource: str) -> int:
        self.asked += 1
        raise LedgerUnavailable("database or disk is full")


def carry_out(fleet: Fleet, plan: Plan, said: list[events.Event] | None = None) -> Result:
    return execute(
        plan, fleet.engine, fleet.sidecars, fleet.books, MemoryVault(KEY, SECRETS),
        Builder(fleet.engine), parallel=1, clock=VirtualClock(), journal=Full(),
        emit=(said if said is not None else []).append,
    )  # fmt: skip


def agents(fleet: Fleet, name: str) -> list[str]:
    found = fleet.engine.world.containers.values()
    return [
        c.state
        for c in found
        if c.labels.get(lb.KIND) == "agent" and c.labels.get(lb.BOTTLE) == name
    ]


@pytest.mark.parametrize("parallel", [1, 4])
def test_stops_go_on_and_are_told_of_while_the_rest_is_refused(
    lab: Lab, bench: Bench, parallel: int
) -> None:
    bench.ledger = Full()
    result = bench.run(retire("r"), stop("a"), stop("b", "a"), parallel=parallel)
    assert groups(result) == (["a", "b"], ["r"], [])
    assert not result.ok, "what is not recorded is not said to be done as it should be"
    (note,) = bench.of(events.Note)
    assert note.level == "warning" and "not recorded" in note.message
    assert ": a, b;" in note.message and "run the same command again" in note.message
    if parallel == 1:
        assert bench.ledger.asked == 1, "it is not asked again: each refusal may take seconds"


def test_what_the_ledger_refused_before_the_run_is_refused_in_it(lab: Lab, bench: Bench) -> None:
    refusal = LedgerUnavailable("database or disk is full")
    result = bench.run(retire("r"), stop("a"), refusal=refusal)
    assert groups(result) == (["a"], [], ["r"]) and bench.ledger.entries == []


def test_a_ledger_that_fails_in_the_middle_holds_up_no_later_stop(lab: Lab, bench: Bench) -> None:
    def fails(account: str) -> None:
        raise LedgerUnavailable("database or disk is full")

    bench.ledger.retire = fails  # type: ignore[method-assign]
    assert groups(bench.run(retire("r"), retire("s"), stop("z"))) == (["z"], ["r"], ["s"])


@pytest.mark.parametrize("scenario", TAKING)
def test_an_order_stops_its_bottle(tmp_path: Path, scenario: str) -> None:
    fleet, want = prepared(tmp_path, scenario)
    stopped = "db" if scenario == "remove" else "web"
    other = "web" if stopped == "db" else "db"
    assert agents(fleet, stopped) == ["running"]
    carry_out(fleet, fleet.plan(want))
    if scenario == "cutoff by budget":
        (held,) = [s for s in fleet.sidecars.active.values() if s.config and s.config.hold.policy]
        assert held.config is not None and held.config.bottle.endswith(f"/{stopped}")
    else:
        assert agents(fleet, stopped) in ([], ["exited"])
    assert agents(fleet, other) == ["running"]


@pytest.mark.parametrize("scenario", TAKING)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_in_it_is_repaired_by_a_plain_run_once_there_is_room(
    tmp_path: Path, scenario: str, after: bool
) -> None:
    def prepare(home: Path) -> tuple[Fleet, Declared]:
        return prepared(home, scenario)

    def run(fleet: Fleet, want: Declared) -> Result:
        return carry_out(fleet, fleet.plan(want))

    survives_every_crash(tmp_path, prepare, run, after=after)


def test_a_bottle_that_is_replaced_stays_up_as_its_new_copy_could_not_start(
    tmp_path: Path,
) -> None:
    fleet, want = prepared(tmp_path, "replace")
    plan = fleet.plan(want)
    assert any(isinstance(op, StopContainer) for op in plan.ops)
    carry_out(fleet, plan)
    assert fleet.engine.calls == [] and agents(fleet, "web") == ["running"]


def volumes(ops: Iterable[Op], bottle: str) -> set[str]:
    return {op.id for op in ops if isinstance(op, RemoveVolume) and op.bottle == bottle}


@pytest.mark.parametrize("absent", [False, True], ids=["not declared", "state: absent"])
def test_an_edit_takes_no_volume_while_the_ledger_is_only_busy(
    tmp_path: Path, absent: bool
) -> None:
    """A backup holds it for some seconds: data must not go without a record for that."""
    fleet, want = prepared(tmp_path, "remove")
    if absent:
        want = replace(want, bottles=(*want.bottles, bottle("db", state="absent")))
    made = fleet.plan(want)
    assert volumes(made.ops, "db"), "the control: with a record they go"
    result = carry_out(fleet, made)
    assert agents(fleet, "db") == [] and not volumes(result.done, "db")
    assert volumes(result.lacking, "db") == volumes(made.ops, "db")
    again = fleet.apply(want)
    assert again.ok and volumes(again.done, "db") == volumes(made.ops, "db")


@pytest.mark.parametrize("order", ["kill", "destroy"])
def test_an_order_takes_volumes_without_a_record(tmp_path: Path, order: str) -> None:
    fleet, want = prepared(tmp_path, "kill" if order == "kill" else "freeze")
    facts = replace(fleet.facts, destroy=order == "destroy")
    ops = plan(want, fleet.observe(), fleet.books.world.view, facts).ops
    assert volumes(ops, "web") and volumes(ops, "web") <= taking(ops)


def test_nothing_is_made_without_a_record(tmp_path: Path) -> None:
    fleet = Fleet(str(tmp_path))
    assert not carry_out(fleet, fleet.plan(two())).done
    assert fleet.engine.calls == []


def test_a_run_of_its_own_has_only_what_needs_nothing_else(tmp_path: Path) -> None:
    fleet, want = prepared(tmp_path, "freeze")
    ops = only_taking(fleet.plan(want).ops)
    assert [(type(op), op.id.partition(":")[2][:9], op.reason) for op in ops] == [
        (StopContainer, "web/agent", "stopped")  # its sidecar stops after the snapshot
    ]
    fleet, _ = prepared(tmp_path, "kill")
    everything = fleet.plan(declared()).ops
    kept = only_taking(everything)
    assert {op.id for op in everything if isinstance(op, RemoveContainer)} <= {o.id for o in kept}
    Plan("p", ops=kept)
    assert {needed for op in kept for needed in op.after} <= {op.id for op in kept}


def test_reach_is_taken_away_whatever_follows(tmp_path: Path) -> None:
    """A cut off bottle whose agent is replaced: its sidecar is told before the agent starts."""
    fleet, _ = prepared(tmp_path, "cutoff by budget")
    held = fleet.plan(other_env()).ops
    pushes = [op for op in held if isinstance(op, PushConfig)]
    assert pushes and {op.id for op in pushes} <= taking(held)
    fleet, want = prepared(tmp_path, "widen")
    assert not taking(fleet.plan(want).ops)


def test_a_create_is_never_among_them(tmp_path: Path) -> None:
    for scenario in ("create", "widen", "narrow", "replace", "vandalism and replace"):
        fleet, want = prepared(tmp_path, scenario)
        ops = {op.id: op for op in fleet.plan(want).ops}
        assert not any(isinstance(ops[i], CreateContainer) for i in taking(list(ops.values())))


def move(resource: str, *, joins: bool) -> list[Op]:
    """A container leaves a network where it does not belong, maybe for another one."""
    told = {"resource": resource, "bottle": "web"}
    out = DisconnectNetwork(id="out", **told, reason="not-wanted", ref=Ref("c"), network=Ref("old"))
    on = Attachment("new", "10.213.0.2")
    into = ConnectNetwork(
        id="in", **told, reason="disconnected", after=("out",), ref=Ref("c"),
        network=Ref("new"), attachment=on,
    )  # fmt: skip
    start = StartContainer(id="start", **told, reason="missing", after=("out",), ref=Ref("d"))
    return [out, start, *([into] if joins else [])]


@pytest.mark.parametrize(
    ("resource", "joins", "cut"),
    [
        ("web/agent", True, True),
        ("web/agent", False, True),
        ("web/egress", False, True),
        ("web/egress", True, False),
    ],
)
def test_a_stray_is_cut_but_a_sidecar_keeps_its_network_while_it_can_join_no_other(
    resource: str, joins: bool, cut: bool
) -> None:
    assert taking(move(resource, joins=joins)) == ({"out"} if cut else set())
