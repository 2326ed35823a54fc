"""What a bottle's line says: states as observed, and what stands out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.documents.bottles import StatusRow
from botbottle.cli.status import row, table
from botbottle.model.bottle import BottleSpec, Limit, Route, Scope
from botbottle.model.ledger_view import HoldRecord
from botbottle.planner.plan import states_of
from tests.support.worlds import FACTS, World, bottle, declared


def shown(world: World, spec: BottleSpec) -> StatusRow:
    session: Any = SimpleNamespace(paths=FACTS.paths)
    want = declared(spec)
    state = states_of(want, world.view)[spec.name]
    return row(spec, state, world.observed, world.plan(want), session)


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(declared(bottle("web")))
    return made


def test_a_bottle_as_declared_has_no_mark(world: World) -> None:
    found = shown(world, bottle("web"))
    assert (found.agent, found.sidecar) == ("running", "ready")
    assert table([found]).splitlines()[1].split() == [
        "web",
        "running",
        "ready",
        "0/1,000",
        "claude",
    ]


def test_a_budget_says_of_which_window_it_is() -> None:
    daily = bottle(scopes=(Scope("agent", "agent:proj-1/web", (Limit("claude", 1000, "day"),)),))
    world = World()
    world.converge(declared(daily))
    found = shown(world, daily)
    assert found.budget[0].window == "day" and "0/1,000/day claude" in table([found])


def test_what_somebody_stopped_is_drift_and_has_its_own_state(world: World) -> None:
    world.set(world.by_kind("egress")[0], state="exited")
    found = shown(world, bottle("web"))
    assert found.sidecar == "exited" and found.drift and found.pending
    assert "~ drift" in table([found])


def test_an_edit_is_no_drift(world: World) -> None:
    found = shown(world, bottle("web", routes=(Route("new.example"),)))
    assert not found.drift and found.pending
    assert "~ not applied yet" in table([found]) and "drift" not in table([found])


def test_a_hold_says_how_it_ends(world: World) -> None:
    world.view = replace(
        world.view,
        holds={
            "proj-1/web": HoldRecord("proj-1/web", "cutoff", "operator", "looked odd", "h1", 0.0)
        },
    )
    text = table([shown(world, bottle("web"))])
    assert "! cutoff" in text and "web is held: looked odd" in text and "bb release web" in text


def test_without_bottles_it_says_how_to_begin() -> None:
    assert "bb init" in table([])


def test_what_holds_a_bottle_now_is_told_also_when_the_next_apply_would_free_it() -> None:
    world, scope = World(), "agent:proj-1/web"
    world.converge(declared(bottle()))
    world.spend("web", 1000)
    world.converge(declared(bottle()))
    raised = bottle(scopes=(Scope("agent", scope, (Limit("claude", 9000),)),))
    assert not world.plan(declared(raised)).held, "an approved apply would free it"
    found = shown(world, raised)
    assert found.held and found.held.policy == "cutoff" and scope in found.held.way_out
