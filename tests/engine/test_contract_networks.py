"""What every engine promises about networks, in memory and on the real one."""

from __future__ import annotations

import dataclasses

import pytest

from botbottle.engine.errors import NotFound
from botbottle.errors import Conflict, EngineError
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment
from tests.engine.contract import on, only
from tests.support.engines import Lab


def test_a_network_is_made_once_with_its_subnet_and_owner(lab: Lab) -> None:
    spec = lab.network()
    identity = lab.engine.create_network(spec, lab.labels("internal"))
    (found,) = lab.engine.observe(lab.home).networks
    assert (found.id, found.name, found.internal) == (identity, spec.name, True)
    assert (found.subnets, found.endpoints) == ((spec.subnet,), ())
    assert found.labels[labels.KIND] == "internal"
    with pytest.raises(Conflict):
        lab.engine.create_network(spec, lab.labels("internal"))


def test_a_network_name_that_is_taken_is_a_conflict_whatever_the_subnet(lab: Lab) -> None:
    lab.engine.create_network(lab.network("net", 1), lab.labels("internal"))
    with pytest.raises(Conflict):
        lab.engine.create_network(lab.network("net", 2), lab.labels("internal"))


def test_a_subnet_that_is_taken_is_a_conflict(lab: Lab) -> None:
    lab.engine.create_network(lab.network("one"), lab.labels("internal"))
    with pytest.raises(Conflict):
        lab.engine.create_network(lab.network("two"), lab.labels("internal"))


def test_an_internal_network_is_sealed_and_an_outer_one_is_not(lab: Lab) -> None:
    lab.engine.create_network(lab.network("in"), lab.labels("internal"))
    lab.engine.create_network(lab.network("out", 1, internal=False), lab.labels("outer"))
    assert lab.engine.network_is_sealed(lab.name("in"))
    assert not lab.engine.network_is_sealed(lab.name("out"))


def test_a_container_is_on_its_first_network_only_with_the_wanted_address(lab: Lab) -> None:
    network = lab.engine.create_network(lab.network(), lab.labels("internal"))
    spec = lab.spec("agent", on(lab, last=5))
    identity = lab.engine.create_container(spec, spec.name, lab.labels())
    (before,) = only(lab).endpoints
    assert (before.network_id, before.network_name) == ("", lab.name("net"))
    assert lab.engine.observe(lab.home).networks[0].endpoints == ()
    lab.engine.start(Ref(spec.name, identity))
    (after,) = only(lab).endpoints
    assert (after.network_id, after.address) == (network, lab.address(5))
    assert after.aliases == ("agent",)
    assert lab.engine.observe(lab.home).networks[0].endpoints == (identity,)


def test_networks_are_joined_before_start_and_left_again_both_twice(lab: Lab) -> None:
    lab.engine.create_network(lab.network("a"), lab.labels("internal"))
    lab.engine.create_network(lab.network("b", 1), lab.labels("internal"))
    spec = lab.spec("agent", on(lab, "a"))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    other = Ref(lab.name("b"))
    lab.engine.connect(ref, other, Attachment(lab.name("b"), lab.address(6, 1)))
    lab.engine.start(ref)
    lab.engine.connect(ref, other, Attachment(lab.name("b"), lab.address(6, 1)))
    ends = only(lab).endpoints
    assert [e.network_name for e in ends] == [lab.name("a"), lab.name("b")]
    assert ends[1].address == lab.address(6, 1)
    lab.engine.disconnect(ref, other)
    lab.engine.disconnect(ref, other)
    assert [e.network_name for e in only(lab).endpoints] == [lab.name("a")]


def test_a_network_with_a_running_container_stays(lab: Lab) -> None:
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab)))
    with pytest.raises(Conflict):
        lab.engine.remove_network(Ref(lab.name("net"), identity))
    lab.engine.remove_container(ref, kill=True)
    lab.engine.remove_network(Ref(lab.name("net"), identity))
    assert lab.engine.network(Ref(lab.name("net"))) is None


def test_a_container_whose_network_is_gone_does_not_start(lab: Lab) -> None:
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    spec = lab.spec("agent", on(lab))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    lab.engine.remove_network(Ref(lab.name("net"), identity))
    with pytest.raises(NotFound):
        lab.engine.start(ref)


def test_strangers_are_shown_only_when_they_hold_our_names_or_subnets(lab: Lab) -> None:
    theirs = dataclasses.replace(lab, home="0" * 8)
    try:
        spec = lab.spec("name")
        theirs.engine.create_container(spec, spec.name, theirs.labels())
        theirs.engine.create_network(lab.network("other"), theirs.labels("internal"))
        quiet = lab.engine.observe(lab.home)
        assert (quiet.containers, quiet.networks) == ((), ())
        loud = lab.engine.observe(lab.home, names=[spec.name], subnets=[lab.network().subnet])
        assert [c.name for c in loud.containers] == [spec.name]
        assert loud.containers[0].labels[labels.HOME] == "0" * 8
        assert [n.name for n in loud.networks] == [lab.name("other")]
    finally:
        theirs.clean()


def test_a_stopped_container_whose_network_was_made_again_starts_after_joining_it(
    lab: Lab,
) -> None:
    old = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab, last=5)))
    lab.engine.stop(ref, 1)
    lab.engine.remove_network(Ref(lab.name("net")))
    again = lab.engine.create_network(lab.network(), lab.labels("internal"))
    with pytest.raises(NotFound):
        lab.engine.start(ref)
    lab.engine.disconnect(ref, Ref(lab.name("net"), old))
    assert only(lab).endpoints == ()
    lab.engine.connect(ref, Ref(lab.name("net"), again), on(lab, last=5))
    lab.engine.start(ref)
    assert [(e.network_id, e.address) for e in only(lab).endpoints] == [(again, lab.address(5))]


def test_a_stopped_container_is_freed_from_a_network_that_is_gone(lab: Lab) -> None:
    old = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab)))
    lab.engine.stop(ref, 1)
    lab.engine.remove_network(Ref(lab.name("net")))
    assert [e.network_id for e in only(lab).endpoints] == [old]
    lab.engine.disconnect(ref, Ref(lab.name("net"), old))
    assert only(lab).endpoints == ()
    lab.engine.start(ref)


def test_a_stopped_container_joins_its_network_anew_without_leaving_the_old_one(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab, last=5)))
    lab.engine.stop(ref, 1)
    lab.engine.remove_network(Ref(lab.name("net")))
    again = lab.engine.create_network(lab.network(), lab.labels("internal"))
    lab.engine.connect(ref, Ref(lab.name("net"), again), on(lab, last=5))
    lab.engine.start(ref)
    assert [(e.network_id, e.address) for e in only(lab).endpoints] == [(again, lab.address(5))]


def test_two_live_containers_cannot_hold_one_address(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    lab.run(lab.spec("one", on(lab, last=5)))
    with pytest.raises(EngineError):
        lab.run(lab.spec("two", on(lab, last=5)))


def test_an_address_nobody_asked_for_may_be_another_at_the_next_start(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    first = lab.run(lab.spec("one", on(lab)))
    had = only(lab).endpoints[0].address
    lab.engine.stop(first, 1)
    lab.run(lab.spec("two", on(lab, last=int(had.rpartition(".")[2]))))
    lab.engine.start(first)
    addresses = {c.endpoints[0].address for c in lab.engine.observe(lab.home).containers}
    assert len(addresses) == 2


def test_a_disconnected_container_runs_on_without_the_network(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab)))
    lab.engine.disconnect(ref, Ref(lab.name("net")))
    found = only(lab)
    assert (found.state, found.endpoints) == ("running", ())
    lab.engine.remove_network(Ref(lab.name("net")))


def test_a_guest_on_a_sealed_network_is_shown_where_strangers_are_asked_for(lab: Lab) -> None:
    network = lab.engine.create_network(lab.network(), lab.labels("internal"))
    spec = lab.spec("guest", on(lab))
    guest = lab.engine.create_container(spec, "bbt-guest-" + lab.home, {})
    try:
        lab.engine.start(Ref(spec.name, guest))
        seen = lab.engine.observe(lab.home, lookalikes=True)
        assert [c.id for c in seen.containers] == [guest]
        assert [(n.id, n.endpoints) for n in seen.networks] == [(network, (guest,))]
        assert lab.engine.observe(lab.home).containers == ()
    finally:
        lab.engine.remove_container(Ref(spec.name, guest), kill=True)
