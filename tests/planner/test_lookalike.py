"""What looks like ours and is not is named, left alone, and never used by mistake."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.looks import Look, look
from botbottle.model.plan import Notice, Plan
from botbottle.model.resources import ObservedContainer, ObservedNetwork, ObservedVolume
from botbottle.planner.names import ledger_name, names, outer_name
from tests.support.worlds import FACTS, World, bottle, declared

AGENT = ObservedContainer("a" * 64, "bb-web-00000000-agent", "exited", "img", {})


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(declared())
    return made


def found(plan: Plan) -> list[Notice]:
    return [n for n in plan.notices if n.code == "BB330"]


def test_every_name_we_give_looks_like_ours() -> None:
    called = names("h", "p", "some-bottle-with-a-name-longer-than-that")
    for name, role in (
        (called.agent, "agent"),
        (called.egress, "egress"),
        (called.network, "net"),
        (called.home, "home"),
        (called.workspace, "work"),
    ):
        assert look(name) == Look("some-bottle-with-a-name-", role)
    home = FACTS.paths.home_id
    assert look(ledger_name(home)) == Look("", "ledger")
    assert look(outer_name(home)) == Look("", "outer")


@pytest.mark.parametrize(
    "name",
    ["bb-web", "web-agent", "bb-web-0000000g-agent", "xbb-web-00000000-agent", "bb-1-00000000-net"],
)
def test_other_names_do_not(name: str) -> None:
    assert look(name) is None


def test_an_unlabelled_agent_is_reported_with_the_command_and_not_touched(world: World) -> None:
    world.observed = replace(world.observed, containers=(*world.observed.containers, AGENT))
    made = world.plan(declared())
    (notice,) = found(made)
    assert notice.bottle == "web" and notice.needs == ""
    assert notice.message.endswith(f"bb adopt web --from {AGENT.name}")
    assert made.empty


def test_one_of_an_undeclared_bottle_leaves_the_name_to_the_reader(world: World) -> None:
    other = replace(AGENT, name="bb-gone-00000000-agent")
    world.observed = replace(world.observed, containers=(*world.observed.containers, other))
    (notice,) = found(world.plan(declared()))
    assert notice.bottle == "" and "bb adopt BOTTLE --from bb-gone" in notice.message


def test_networks_and_volumes_are_reported_too(world: World) -> None:
    world.observed = replace(
        world.observed,
        networks=(
            *world.observed.networks,
            ObservedNetwork("n9", "bb-web-00000000-net", {}, False, ("10.9.0.0/28",)),
        ),
        volumes=(*world.observed.volumes, ObservedVolume("bb-web-00000000-home", {})),
    )
    texts = [n.message for n in found(world.plan(declared()))]
    assert len(texts) == 2 and all("left alone" in t and "adopt" not in t for t in texts)


@pytest.mark.parametrize("marks", [{labels.HOME: "another"}, {labels.HOME: FACTS.paths.home_id}])
def test_what_some_home_owns_is_no_lookalike(world: World, marks: dict[str, str]) -> None:
    owned = replace(AGENT, labels={**marks, labels.PROJECT: "p2"})
    world.observed = replace(world.observed, containers=(*world.observed.containers, owned))
    assert not found(world.plan(declared()))


def test_one_whose_files_were_taken_over_is_not_reported_any_more(world: World) -> None:
    volume = world.observed.volumes[0]
    adopted = replace(volume, labels={**volume.labels, labels.ADOPTED: AGENT.id})
    world.observed = replace(
        world.observed,
        containers=(*world.observed.containers, AGENT),
        volumes=(adopted, *world.observed.volumes[1:]),
    )
    assert not found(world.plan(declared()))


def test_only_one_bottle_means_nothing_is_said_of_others(world: World) -> None:
    world.observed = replace(world.observed, containers=(*world.observed.containers, AGENT))
    assert not found(world.plan(declared(), replace(FACTS, only=("web",))))


def test_a_stranger_s_volume_with_a_wanted_name_is_never_mounted() -> None:
    """The engine would hand its data to the agent: creating an existing volume succeeds."""
    world = World()
    called = names(FACTS.paths.home_id, "proj-1", "web")
    world.observed = replace(world.observed, volumes=(ObservedVolume(called.home, {}),))
    made = world.plan(declared(bottle()))
    (notice,) = [n for n in made.notices if n.code == "BB801"]
    assert called.home in notice.message and not found(made)
    assert not [op for op in made.ops if op.resource in ("web/agent", "web/volume")]
