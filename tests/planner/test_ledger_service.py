"""The ledger service in a plan: what it may reach, and what becomes of one that waits."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Settings
from botbottle.model.plan import Action, AwaitReady, CreateContainer, CreateNetwork
from botbottle.model.resources import ContainerSpec, Mount
from botbottle.planner.specs import ledger_spec
from tests.support.worlds import FACTS, World, declared

LOCKED = replace(FACTS, ledger_locked=True)


def database(url: str, network: str = "") -> ContainerSpec:
    return ledger_spec(Settings(ledger=url, egress_network=network), FACTS)


def sources(spec: ContainerSpec) -> set[str]:
    return {m.source for m in spec.mounts if m.kind == "bind"}


def test_with_the_file_it_has_no_network_and_the_databases_directory() -> None:
    spec = database("")
    assert spec.networks == ()
    assert sources(spec) == {FACTS.paths.ledger_dir, FACTS.paths.socket_root}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bb@/ledger?host=/run/postgresql",
        "postgresql://bb@%2Frun%2Fpostgresql/ledger",
        "postgresql:///?user=bb&host=/run/postgresql&dbname=ledger",
    ],
)
def test_a_server_on_this_machine_is_reached_by_its_socket_directory_alone(url: str) -> None:
    spec = database(url)
    assert spec.networks == ()
    mount = Mount("bind", "/run/postgresql", "/run/postgresql", read_only=True)
    assert mount in spec.mounts
    assert FACTS.paths.ledger_dir not in sources(spec)
    assert url in spec.command


def test_a_server_by_name_is_reached_over_the_outer_network_and_nothing_is_mounted() -> None:
    spec = database("postgresql://bb@db.example:5433/ledger", network="corp")
    assert [n.network for n in spec.networks] == ["corp"]
    assert sources(spec) == {FACTS.paths.socket_root}


def test_its_network_is_there_before_it(world: World) -> None:
    made = world.converge(declared(ledger="postgresql://db.example/ledger"))
    create = next(op for op in made.ops if isinstance(op, CreateContainer) and not op.bottle)
    network = create.spec.networks[0].network
    made_by = {op.spec.name: op.id for op in made.ops if isinstance(op, CreateNetwork)}
    assert made_by[network] in create.after
    assert world.plan(declared(ledger="postgresql://db.example/ledger")).ops == ()


def test_a_running_service_that_waits_for_its_password_is_waited_for(world: World) -> None:
    want = declared(ledger="postgresql://db.example/ledger")
    world.converge(want)
    made = world.plan(want, LOCKED)
    assert [type(op) for op in made.ops] == [AwaitReady]
    assert made.ops[0].reason == "locked"
    assert [(c.action, c.reason) for c in made.changes] == [(Action.UPDATE, "locked")]
    assert world.plan(want).ops == (), "the control: an open one is left alone"


def test_a_service_that_waits_delays_every_sidecar(world: World) -> None:
    made = world.plan(declared(ledger="postgresql://db.example/ledger"), LOCKED)
    start = next(op for op in made.ops if op.id == "start:web/egress")
    assert "await:ledger" in start.after
