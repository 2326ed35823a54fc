"""A ledger in PostgreSQL behind the service of real bottles; its password is nowhere to be read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.e2e.test_real_agents import ledger, sent
from tests.ledger.guarded import Guarded, guarded
from tests.support.live import Live, docker, eventually

pytestmark = pytest.mark.postgres
SCRIPT = json.dumps({"output": 60, "input_uncached": 9})


@pytest.fixture
def database() -> Iterator[Guarded]:
    """A database that asks for a password, with a socket that containers may reach."""
    server = os.environ.get("BB_TEST_POSTGRES")
    if not server:
        pytest.skip("BB_TEST_POSTGRES is not set")
    with guarded(server) as made:
        before = made.folder.stat().st_mode
        made.folder.chmod(before | 0o011)  # names in it may be used, not listed
        try:
            yield made
        finally:
            made.folder.chmod(before)


def service(live: Live) -> str:
    """Id of the ledger service of this home."""
    (found,) = live.containers(kind="ledger")
    return found


def turn(live: Live) -> int:
    status = live.client("claude", "--script", SCRIPT)[0]["status"]
    assert isinstance(status, int)
    return status


def test_bottles_run_on_a_server_that_asks_for_a_password(live: Live, database: Guarded) -> None:
    live.settings(f"ledger: {database.url}\n")
    live.agent(extra="budget: {claude: 5000}\n")
    env = {"PGPASSWORD": database.password}
    refused = live.apply(code=None)
    assert refused.returncode not in (0, 2), "without the password the host cannot plan"
    live.apply(env=env)
    live.env.update(env)
    assert turn(live) == 200 and ledger(live) == sent(live)
    live.bb("budget", "set", "agent:home/web", "claude", "1")
    assert turn(live) == 402
    live.bb("budget", "clear", "agent:home/web", "claude")
    assert not (live.home / "ledger/bot-bottle.db").exists(), "there is one ledger"

    name = service(live)
    described = docker("inspect", name)
    assert json.loads(described)[0]["NetworkSettings"]["Networks"].keys() <= {"none"}
    inside = docker("exec", name, "sh", "-c", "cat /proc/1/environ /proc/1/cmdline | tr '\\0' ' '")
    log = docker("logs", name)
    files = "".join(p.read_text("latin-1") for p in live.home.rglob("*") if p.is_file())
    for place in (described, inside, log, files, docker("history", "--no-trunc", json.loads(
        described)[0]["Image"])):  # fmt: skip
        assert database.password not in place
    assert database.url.split("@")[0] in inside, "the control: the rest of the address is there"


def test_a_service_that_was_killed_refuses_until_the_next_apply_and_keeps_every_row(
    live: Live, database: Guarded
) -> None:
    live.settings(f"ledger: {database.url}\n")
    live.env["PGPASSWORD"] = database.password
    live.apply()
    assert turn(live) == 200
    before = ledger(live)
    docker("kill", "--signal", "KILL", service(live), check=False)
    docker("start", service(live), check=False)
    eventually(lambda: turn(live) == 503, 60)
    assert ledger(live) == before == sent(live)
    shown = live.json("plan")
    assert [(c["resource"], c["reason"]) for c in shown["changes"]] == [("ledger", "locked")]
    live.apply()
    eventually(lambda: turn(live) == 200, 60)
    assert ledger(live) == sent(live) != before
