"""What was approved shrinks with whatever takes away, and grows only with an approval."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.model import canonical
from botbottle.model.bottle import BottleSpec, Declared, Settings
from botbottle.model.route import Dlp, Route
from botbottle.model.sidecar_config import from_wire
from botbottle.planner.approved import guard_of, narrowed, reach_of
from botbottle.planner.facts import Facts, Guards
from botbottle.planner.reach import weakened_dlp
from botbottle.planner.wanted import guard
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

A = Route("a.example")
B = Route("b.example", dlp=Dlp(outbound_on_match="block"))
WEAK = Route("b.example", dlp=Dlp(outbound_detectors=(), outbound_on_match="redact"))
BOTH, ONE = declared(bottle(routes=(A, B))), declared(bottle(routes=(A,)))


def kept(now: Declared) -> dict[str, Any]:
    """As a generation keeps it: JSON."""
    found = {
        "reach": {b.name: reach_of(b) for b in now.bottles},
        "guards": {b.name: guard_of(b, now.settings) for b in now.bottles},
    }
    return dict(json.loads(canonical.canonical({"bottles": now.bottles, **found})))


def told(document: dict[str, Any]) -> Facts:
    approved = {name: frozenset(found) for name, found in document["reach"].items()}
    return replace(FACTS, approved=approved, guards=Guards(document["guards"]))


def narrowed_by_a_watch() -> tuple[World, Facts]:
    """b was approved with ``block``; its route was taken out, and a watch carried that out."""
    world, before = World(), kept(BOTH)
    world.converge(BOTH, told(before))
    part = allowed(world.plan(ONE, told(before)), "safe")
    assert [op.id for op in part.ops] == ["push:web"]
    world.run(part.ops)
    return world, told(narrowed(before, ONE, {"web"}))


def restart(world: World) -> None:
    (egress,) = world.by_kind("egress")
    world.stop(egress)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("route", [B, WEAK])
def test_what_a_watch_took_away_does_not_come_back_unasked(route: Route, restarted: bool) -> None:
    world, facts = narrowed_by_a_watch()
    if restarted:
        restart(world)
    made = world.plan(declared(bottle(routes=(A, route))), facts)
    codes = {n.code for n in made.notices}
    assert made.needs == ("widen",) and allowed(made, "safe").ops == ()
    assert codes == ({"BB301", "BB302"} if route is WEAK else {"BB301"})
    back = world.plan(ONE, facts)
    assert back.needs == (), "the control: what is left comes back unasked"


def test_a_host_that_is_gone_is_compared_with_what_was_approved_even_if_nobody_narrowed() -> None:
    """A watch that was killed after its push: the live configuration is the newer one."""
    world, before = World(), told(kept(BOTH))
    world.converge(BOTH, before)
    world.run(world.plan(ONE, before).ops)
    made = world.plan(declared(bottle(routes=(A, WEAK))), before)
    assert {"BB301", "BB302"} <= {n.code for n in made.notices}


def test_stronger_protection_is_kept_and_weaker_is_not() -> None:
    strict, lax = declared(bottle(routes=(A, B))), declared(bottle(routes=(A, WEAK)))
    assert narrowed(kept(lax), strict, {"web"})["guards"] == kept(strict)["guards"]
    assert narrowed(kept(strict), lax, {"web"}) == kept(strict)
    off, on = (declared(bottle(supervise=on)) for on in (False, True))
    assert narrowed(kept(off), on, {"web"})["guards"]["web"]["supervise"]
    assert narrowed(kept(on), off, {"web"}) == kept(on)


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_a_bottle_that_is_not_to_run_is_approved_anew(state: str) -> None:
    gone = declared(bottle(routes=(A, B), state=state))
    for now in (gone, replace(declared(), bottles=())):
        left = narrowed(kept(BOTH), now, {"web"})
        assert left["reach"] == {} and left["guards"] == kept(BOTH)["guards"]


def test_other_bottles_and_the_set_itself_stay() -> None:
    two = declared(bottle(routes=(A, B)), bottle("other", routes=(B,)))
    left = narrowed(kept(two), declared(bottle(routes=(A,)), bottle("other")), {"web"})
    assert left["bottles"] == kept(two)["bottles"]
    assert left["reach"]["other"] == kept(two)["reach"]["other"]
    assert narrowed({"bottles": []}, two, {"web"}) == {"bottles": []}


ROUTE = st.builds(
    Route,
    host=st.sampled_from(("a.example", "b.example", "c.example")),
    port=st.sampled_from((443, 8443)),
    dlp=st.builds(
        Dlp,
        outbound_on_match=st.sampled_from((None, "block", "redact")),
        outbound_detectors=st.sampled_from((None, (), ("known_secrets",))),
    ),
)
SPEC = st.builds(
    lambda routes, on: bottle(routes=tuple({r.host: r for r in routes}.values()), supervise=on),
    st.lists(ROUTE, max_size=3),
    st.booleans(),
)


@given(SPEC, st.lists(SPEC, max_size=4))
def test_however_manifests_change_nothing_is_added(
    first: BottleSpec, edits: list[BottleSpec]
) -> None:
    document = kept(declared(first))
    for spec in edits:
        now, before = declared(spec), document
        document = json.loads(canonical.canonical(narrowed(before, now, {"web"})))
        assert set(document["reach"]["web"]) <= set(before["reach"]["web"]) & set(reach_of(spec))
        old, new = (from_wire(d["guards"]["web"]) for d in (before, document))
        assert not weakened_dlp(old, new) and new.supervise >= old.supervise
        assert new.supervise >= spec.supervise
        if not weakened_dlp(old, guard(spec, Settings())):
            assert not weakened_dlp(guard(spec, Settings()), new), (
                "what is stronger than before is kept"
            )
        assert narrowed(document, now, {"web"}) == document, "once is enough"
