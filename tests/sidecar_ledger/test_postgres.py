"""The service on PostgreSQL: the same gate, several services at one pool, a lost connection."""

import os
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest

from botbottle.ledger.opening import open_ledger
from botbottle.model.bottle import Limit
from tests.ledger.worlds import fresh_database, register
from tests.sidecar_ledger.support import Raw, World, row, wait_for

pytestmark = pytest.mark.postgres


@pytest.fixture
def url():
    server = os.environ.get("BB_TEST_POSTGRES")
    if not server:
        pytest.skip("BB_TEST_POSTGRES is not set")
    with fresh_database(server, f"bb_test_{uuid.uuid4().hex[:12]}") as made:
        yield made


@contextmanager
def service(world, url):
    command = [sys.executable, "-m", "botbottle.sidecar.ledger", "--sockets", str(world.root)]
    child = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env={**os.environ, "BB_LEDGER": url}
    )
    try:
        wait_for((world.root / "service.sock").exists)
        yield
    finally:
        child.terminate()
        child.wait(10)


@pytest.fixture
def ledger(url):
    opened = open_ledger(url)
    yield opened
    opened.close()


def test_two_services_of_two_engines_share_one_pool_without_overrun(home, ledger, url):
    register(ledger, "web")
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    one, two = World(home / "1", ledger), World(home / "2", ledger)
    with (
        service(one, url),
        service(two, url),
        Raw(one.socket("web")) as here,
        Raw(two.socket("web")) as there,
    ):
        lease = here.admit(input=0, output=600)["lease"]
        assert there.admit(input=0, output=600)["reserved"] == 400
        assert here.admit()["code"] == there.admit()["code"] == "budget-reserved"
        assert here.settle(row(50, response_id="m"), lease=lease)["recorded"] == 1
        assert there.settle(row(50, response_id="m"))["duplicates"] == 1
    assert ledger.usage([])[0].counted == 100


def test_a_lost_connection_refuses_once_and_comes_back(home, ledger, url):
    register(ledger, "web")
    world = World(home, ledger)
    with service(world, url), Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]
        ledger.db.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'botbottle' AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
        answers = []
        for _ in range(100):
            answers.append(raw.settle(row(response_id="m")))
            if answers[-1]["ok"]:
                break
            time.sleep(0.05)
        assert answers[-1]["ok"]
        assert {a["code"] for a in answers[:-1]} <= {"unavailable"}
    assert ledger.usage([])[0].requests == 1
