"""A host's variable that is newly copied into a bottle is told of and asks for approval."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import BottleSpec, EnvVar
from botbottle.model.ledger_view import HoldRecord
from botbottle.planner.approved import narrowed, reach_of
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

PLAIN = bottle(env=(EnvVar("MODE", "literal", "x"), EnvVar("KEY", "ask", "key?")))
COPY = replace(PLAIN, env=(*PLAIN.env, EnvVar("DB", "host", "PROD_DB")))


def told(world: World, spec: BottleSpec, approved: BottleSpec) -> list[tuple[str, str]]:
    facts = replace(FACTS, approved={"web": frozenset(reach_of(approved))})
    made = world.plan(declared(spec), facts)
    return [(n.message, n.needs) for n in made.notices if n.code == "BB308"]


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(declared(PLAIN))
    return made


def test_a_new_one_is_named_with_what_it_means_and_widens(world: World) -> None:
    ((text, needs),) = told(world, COPY, PLAIN)
    assert needs == "widen" and "PROD_DB is copied into the bottle as DB" in text
    assert told(World(), COPY, PLAIN), "also in a bottle that is new"


def test_text_and_what_somebody_is_asked_for_is_none(world: World) -> None:
    assert told(world, PLAIN, bottle()) == []


def test_what_was_approved_is_not_asked_for_again(world: World) -> None:
    assert told(world, COPY, COPY) == [] == told(World(), COPY, COPY)


def test_another_variable_under_the_same_name_is_another_one(world: World) -> None:
    other = replace(COPY, env=(EnvVar("DB", "host", "ROOT_DB"),))
    ((text, _),) = told(world, other, COPY)
    assert "ROOT_DB" in text


def test_what_was_taken_away_does_not_come_back_unasked() -> None:
    kept = {"reach": {"web": reach_of(COPY)}}
    assert narrowed(kept, declared(COPY), ["web"]) == kept
    assert narrowed(kept, declared(PLAIN), ["web"])["reach"]["web"] == reach_of(PLAIN)


def test_a_watch_leaves_it_to_an_apply(world: World) -> None:
    made = world.plan(declared(COPY), replace(FACTS, approved={"web": frozenset(reach_of(PLAIN))}))
    assert any(op.bottle == "web" for op in made.ops)
    assert not any(op.bottle == "web" for op in allowed(made, "safe").ops)


def test_a_held_bottle_gets_nothing_and_asks_for_nothing(world: World) -> None:
    hold = HoldRecord("proj-1/web", "cutoff", "operator", "", "h1", 0.0)
    world.view = replace(world.view, holds={"proj-1/web": hold})
    assert told(world, COPY, PLAIN) == []
