"""Variables that are asked for: delivered in memory, after the start, by name alone."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.model.bottle import EnvVar
from tests.support.worlds import FACTS, World, bottle, declared, kinds

SPEC = bottle(env=(EnvVar("TOKEN", "ask", ""), EnvVar("PLAIN", "literal", "x")))
KNOWN = replace(FACTS, env={"web": (("TOKEN", "11111111"),)})


def test_they_are_delivered_after_the_start_and_then_left_alone(world: World) -> None:
    made = world.converge(declared(SPEC), KNOWN)
    assert made.ops[-1].id == "env:web/agent"
    assert world.plan(declared(SPEC), KNOWN).empty


def test_a_crash_before_delivery_is_repaired(world: World) -> None:
    world.run(world.plan(declared(SPEC), KNOWN).ops[:-1])
    assert kinds(world.converge(declared(SPEC), KNOWN)) == ["DeliverEnv"]
    assert world.plan(declared(SPEC), KNOWN).empty


def test_a_new_value_is_delivered_without_replacing_the_agent(world: World) -> None:
    world.converge(declared(SPEC), KNOWN)
    other = replace(FACTS, env={"web": (("TOKEN", "22222222"),)})
    assert kinds(world.plan(declared(SPEC), other)) == ["DeliverEnv"]


def test_a_shell_without_the_value_changes_nothing(world: World) -> None:
    world.converge(declared(SPEC), KNOWN)
    assert world.plan(declared(SPEC), FACTS).empty


def test_a_missing_value_is_named_by_variable_only(world: World) -> None:
    made = world.plan(declared(SPEC), FACTS)
    assert next(n.message for n in made.notices if n.code == "BB291").startswith(
        "no value at hand for TOKEN"
    )
