"""What an approval binds to: any change of what would be done, and nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import fields, replace

from botbottle.model.plan import (
    CreateContainer,
    CreateNetwork,
    Notice,
    Op,
    Plan,
    PushConfig,
    Reach,
    ReachChange,
    Ref,
    StartContainer,
)
from botbottle.model.plan.digest import digest_of
from botbottle.model.route import Route
from tests.support.worlds import World, bottle, declared


@pytest.fixture
def made() -> Plan:
    return World().plan(declared(bottle(env=(), routes=(Route("example.com"),)), bottle("two")))


def digest(plan: Plan, op: Op, **changes: object) -> str:
    """The digest with one op changed."""
    new = replace(op, **changes)
    return replace(plan, ops=tuple(new if o is op else o for o in plan.ops)).digest


def find[T](plan: Plan, kind: type[T]) -> T:
    return next(op for op in plan.ops if isinstance(op, kind))


def test_any_field_of_any_op_counts_but_labels(made: Plan) -> None:
    changed = {str: "another", bool: True, float: 99.0, int: 99}
    for op in made.ops:
        for field in fields(op):
            value = changed.get(type(getattr(op, field.name)))
            if value is not None:
                assert digest(made, op, **{field.name: value}) != made.digest, (op.id, field.name)
    create = find(made, CreateContainer)
    assert digest(made, create, labels=()) == made.digest


def agent_of(plan: Plan) -> CreateContainer:
    return next(
        o for o in plan.ops if isinstance(o, CreateContainer) and o.id == "create:web/agent"
    )


def test_every_part_of_a_container_counts(made: Plan) -> None:
    create = agent_of(made)
    for change in (
        {"name": "x"},
        {"image": "x"},
        {"user": "0:0"},
        {"read_only": False},
        {"networks": ()},
        {"limits": replace(create.spec.limits, pids=0)},
        {"env": (*create.spec.env, ("NEW", "1"))},
    ):
        spec = replace(create.spec, **change)  # type: ignore[arg-type]
        assert digest(made, create, spec=spec) != made.digest, change


def test_the_order_of_ops_and_the_project_count(made: Plan) -> None:
    assert replace(made, ops=made.ops[::-1]).digest != made.digest
    assert replace(made, project="another").digest != made.digest


def test_so_does_what_is_asked_for(made: Plan) -> None:
    """The same ops against another baseline: a limit that is lowered here is raised there."""
    asked = Notice("BB310", "web", "raises claude from 100k to 300k", "budget")
    told = replace(asked, needs="")
    gained = ReachChange("web", Reach.WIDENS, "one.example any method /*")
    more = replace(made, notices=(*made.notices, asked))
    seen = {
        made.digest,
        more.digest,
        replace(made, notices=(*made.notices, replace(asked, message="to 900k"))).digest,
        replace(made, reach=(*made.reach, gained)).digest,
        replace(made, reach=(*made.reach, replace(gained, text="two.example"))).digest,
    }
    assert len(seen) == 5
    assert replace(made, notices=(told, *made.notices)).digest == made.digest
    assert replace(made, notices=(asked, *made.notices)).digest == more.digest
    lost = replace(gained, reach=Reach.NARROWS)
    assert replace(made, reach=(lost, *made.reach)).digest == made.digest


def test_what_a_sidecar_may_do_counts_and_secret_values_do_not(made: Plan) -> None:
    push = find(made, PushConfig)
    wider = replace(push.config, routes=(*push.config.routes, Route("evil.example")))
    assert digest(made, push, config=wider) != made.digest
    rotated = tuple((name, "ffffffff") for name, _ in push.secrets)
    assert push.secrets and digest(made, push, secrets=rotated) == made.digest
    assert digest(made, push, secrets=()) != made.digest


def moved(text: str) -> str:
    return text.replace("10.213.0.", "10.213.7.")


def test_an_address_is_left_out_only_where_it_is_this_bottle_s_own(made: Plan) -> None:
    network = next(o for o in made.ops if isinstance(o, CreateNetwork) and o.bottle == "web")
    elsewhere = replace(network.spec, subnet=moved(network.spec.subnet))
    assert digest(made, network, spec=elsewhere) != made.digest, "the rest still says the old one"
    agent = agent_of(made)
    (own,) = agent.spec.dns

    def with_literal(value: str) -> str:
        env = (*agent.spec.env, ("PEER", value))
        return digest(made, agent, spec=replace(agent.spec, env=env))

    assert with_literal(own + "9") != with_literal(own + "8"), "a longer number is another one"
    assert with_literal("1" + own) != with_literal("2" + own)
    assert with_literal("10.9.9.2") != with_literal("10.9.9.3")


def test_the_outer_network_s_addresses_are_declared_and_count() -> None:
    one = World().plan(declared(address_pool="10.213.0.0/16"))
    two = World().plan(declared(address_pool="10.99.0.0/16"))
    assert one.digest != two.digest


def test_nothing_in_a_manifest_can_pose_as_a_free_address() -> None:
    """The mark for an address is no text that JSON can hold."""

    def of(literal: str) -> str:
        op = StartContainer(
            id="s", resource="web/agent", bottle="web", reason=literal, ref=Ref("x")
        )
        net = next(
            o for o in World().plan(declared()).ops if isinstance(o, CreateNetwork) and o.bottle
        )
        return digest_of("p", [net, op])

    assert of("10.213.0.2") == of("10.213.0.2")
    for pose in ("\x012", "\\u00012", "net.2", "2"):
        assert of(pose) != of("10.213.0.2")
