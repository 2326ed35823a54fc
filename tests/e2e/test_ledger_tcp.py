"""A PostgreSQL ledger on another machine: the service's container reaches it by name over TCP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.test_ledger_server import service, turn
from tests.e2e.test_real_agents import ledger, sent
from tests.support.database import NAME, PROGRAMS, Server, serving
from tests.support.live import Live, docker, eventually

pytestmark = pytest.mark.postgres


@pytest.fixture
def server(live: Live, images: str) -> Iterator[Server]:
    if not PROGRAMS.is_dir():
        pytest.skip("there is no PostgreSQL server on this machine")
    with serving(live.internet, images) as made:
        live.settings(f"ledger: {made.url}\n")
        yield made


@pytest.fixture
def shared(live: Live, server: Server) -> Live:
    """A bottle that runs on that ledger."""
    live.env.update(server.env)
    live.apply()
    assert turn(live) == 200
    return live


def test_a_bottle_spends_crosses_its_budget_and_is_read_on_a_server_by_name(
    live: Live, server: Server
) -> None:
    live.env["PGHOSTADDR"] = server.env["PGHOSTADDR"]
    for wrong in ({}, {"PGPASSWORD": "wrong"}):
        assert live.apply(code=None, env=wrong).returncode not in (0, 2)
        assert not live.containers(kind="ledger"), "nothing was made"
    live.env.update(server.env)
    live.apply()
    assert turn(live) == 200 and ledger(live) == sent(live)
    live.bb("budget", "set", "agent:home/web", "claude", "1")
    assert turn(live) == 402 and ledger(live) == sent(live)
    live.bb("budget", "clear", "agent:home/web", "claude")
    assert turn(live) == 200 and ledger(live) == sent(live)

    described = docker("inspect", service(live))
    about = json.loads(described)[0]
    assert list(about["NetworkSettings"]["Networks"]) == [live.internet.name]
    assert not any(
        "sock" in m.get("Source", "") and "PGSQL" in m["Source"] for m in about["Mounts"]
    )
    assert NAME in described and server.password not in described
    assert server.password not in docker("logs", service(live))


def test_while_the_server_is_down_nothing_passes_and_no_acknowledged_row_is_lost(
    shared: Live, server: Server
) -> None:
    before = ledger(shared)
    server.kill()
    assert [turn(shared) for _ in range(3)] == [503] * 3
    assert shared.bb("usage", code=None).returncode not in (0, 2), "nor is anything to be read"
    server.start()
    assert ledger(shared) == before == sent(shared)
    eventually(lambda: turn(shared) == 200, 60)
    assert ledger(shared) == sent(shared) != before
    assert shared.json("plan")["changes"] == []


def test_a_new_password_is_handed_to_the_running_service_by_the_next_apply(
    shared: Live, server: Server
) -> None:
    started = shared.snapshot()[service(shared)]
    server.rotate()
    assert turn(shared) == 200, "the open connection goes on"
    shared.env.update(server.env)
    found = shared.json("plan")["changes"]
    assert [(c["resource"], c["reason"]) for c in found] == [("ledger", "locked")]
    shared.apply()
    assert shared.json("plan")["changes"] == []
    server.kill()
    server.start()
    eventually(lambda: turn(shared) == 200, 60)
    assert ledger(shared) == sent(shared)
    assert shared.snapshot()[service(shared)] == started, "it was not restarted for that"


def test_with_a_password_that_is_old_by_now_it_refuses_until_the_next_apply(
    shared: Live, server: Server
) -> None:
    server.rotate()
    server.kill()
    server.start()
    assert turn(shared) == 503
    assert shared.apply(code=None).returncode not in (0, 2), "bb has the old one, too"
    assert turn(shared) == 503
    before = sent(shared)
    shared.env.update(server.env)
    assert ledger(shared) == before
    shared.apply()
    eventually(lambda: turn(shared) == 200, 60)
    assert ledger(shared) == sent(shared) != before
