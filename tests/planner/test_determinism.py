"""The same input gives the same bytes, in whatever order the engine and the ledger list it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.bottle import Declared, Limit, Scope
from botbottle.model.resources import (
    Endpoint,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)
from botbottle.model.route import Route
from botbottle.planner.enforce import pool_key
from botbottle.ui import plan_json, plan_markdown, plan_text
from tests.support.worlds import FACTS, World, bottle, declared

NAMES = ("a", "b", "c", "d")


def limits(name: str, tokens: int) -> tuple[Scope, ...]:
    both = (Limit("claude", tokens), Limit("claude", 9 * tokens, "day"))
    return (Scope("agent", f"agent:proj-1/{name}", both), Scope("global", "global", both[1:]))


def world() -> World:
    """Four bottles, duplicates, strays, swapped names, strangers, look-alikes and spent budgets."""
    made = World()
    routes = (Route("one.example"), Route("two.example"))
    made.converge(declared(*(bottle(n, routes=routes, scopes=limits(n, 500)) for n in NAMES)))
    a, b, c, d = (agent_of(made, n) for n in NAMES)
    made.set(a, name=b.name)
    made.set(b, name=a.name)
    made.stop(c)
    c = agent_of(made, "c")
    made.set(c, endpoints=(*c.endpoints, Endpoint("z9", "bridge"), Endpoint("z8", "lan")))
    bridge = ObservedNetwork("z9", "bridge", {}, False, ("172.17.0.0/16",), ("zz",))
    extra = replace(d, id="extra", name="copy", state="exited")
    more = [replace(extra, id=f"x{n}", name=f"copy-{n}") for n in range(2)]
    like = [ObservedContainer(f"l{n}", f"bb-a-0000000{n}-agent", "exited", "i", {}) for n in "21"]
    made.observed = replace(
        made.observed,
        containers=(*made.observed.containers, extra, *more, *like),
        networks=(
            *made.observed.networks,
            bridge,
            ObservedNetwork("z8", "lan", {}, False, ("10.213.0.96/28",)),
            ObservedNetwork("l3", "bb-b-00000000-net", {}, False, ()),
        ),
        volumes=(*made.observed.volumes, ObservedVolume("bb-c-00000000-home", {})),
        images=(*made.observed.images, ObservedImage("other", ("x:1", "y:1"))),
    )
    made.spend("b", 600)
    return made


def agent_of(made: World, name: str) -> ObservedContainer:
    return next(c for c in made.by_kind("agent") if c.labels[labels.BOTTLE] == name)


def want() -> Declared:
    """Every bottle changes: fields, routes, limits and a removal."""
    routes = (Route("two.example"), Route("three.example"))
    return declared(
        bottle("a", routes=routes, prompt="new", scopes=limits("a", 900)),
        bottle("b", scopes=limits("b", 500), shutdown="freeze"),
        bottle("c", routes=routes, scopes=limits("c", 400)),
        bottle("e", scopes=limits("e", 100)),
    )


def mixed[T](rng: random.Random, found: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(rng.sample(found, len(found)))


def keys[K, V](rng: random.Random, found: Mapping[K, V]) -> dict[K, V]:
    return dict(rng.sample(list(found.items()), len(found)))


def shuffled(made: World, rng: random.Random) -> World:
    """The same world, every list and mapping in another order."""
    out, o = World(), made.observed
    out.observed = replace(
        o,
        containers=tuple(replace(c, labels=keys(rng, c.labels)) for c in mixed(rng, o.containers)),
        networks=tuple(
            replace(n, labels=keys(rng, n.labels), endpoints=mixed(rng, n.endpoints))
            for n in mixed(rng, o.networks)
        ),
        images=mixed(rng, o.images),
        volumes=tuple(replace(v, labels=keys(rng, v.labels)) for v in mixed(rng, o.volumes)),
        sidecars=keys(rng, o.sidecars),
    )
    view = made.view
    out.view = replace(
        view, pools=mixed(rng, view.pools), registered=keys(rng, view.registered),
        enforced=keys(rng, view.enforced), holds=keys(rng, view.holds),
    )  # fmt: skip
    return out


def shown(made: World, declared_: Declared) -> tuple[str, str, str]:
    facts = replace(FACTS, secrets=dict(reversed(FACTS.secrets.items())))
    plan = made.plan(declared_, facts)
    return plan_json.dumps(plan), plan_text.render(plan, full=True), plan_markdown.render(plan)


def test_any_order_of_the_input_gives_the_same_bytes() -> None:
    made = world()
    expected = shown(made, want())
    for seed in range(40):
        rng = random.Random(seed)
        again = replace(want(), bottles=mixed(rng, want().bottles))
        assert shown(shuffled(made, rng), again) == expected, seed


def test_that_plan_has_something_of_everything() -> None:
    """Positive control: an order that does not matter because nothing is there proves nothing."""
    plan = world().plan(want())
    kinds = {type(op).__name__ for op in plan.ops}
    assert kinds >= {
        "RenameContainer", "DisconnectNetwork", "RemoveContainer", "PushConfig", "CommitImage",
        "RegisterAccount", "RemoveVolume", "StartContainer",
    }  # fmt: skip
    assert {n.code for n in plan.notices} >= {"BB301", "BB310", "BB320", "BB330"}
    assert plan.reach and plan.held and len(plan.budgets) > 3
    assert sum(n.code == "BB330" for n in plan.notices) == 4


@pytest.mark.parametrize("part", ["containers", "networks", "volumes"])
def test_shuffling_does_change_what_is_given(part: str) -> None:
    made = world()
    before: Any = getattr(made.observed, part)
    after: Any = getattr(shuffled(made, random.Random(1)).observed, part)
    assert before != after and len(before) == len(after)


def test_pools_of_one_scope_differ_in_their_key() -> None:
    pools = world().view.pools
    assert len({pool_key(p) for p in pools}) == len(pools)
