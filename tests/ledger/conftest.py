"""Ledgers to test against: every behaviour on SQLite, and on PostgreSQL where one is given.

``BB_TEST_POSTGRES`` is the URL of a server whose ``postgres`` role may create databases.
"""

from __future__ import annotations

import os
import time
import uuid

import pytest

from botbottle.ledger.opening import open_ledger
from tests.ledger.worlds import emptied, fresh_database

BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgres_url():
    """A database of this test run's own, dropped at the end."""
    server = os.environ.get("BB_TEST_POSTGRES")
    if not server:
        pytest.skip("BB_TEST_POSTGRES is not set")
    with fresh_database(server, f"bb_test_{uuid.uuid4().hex[:12]}") as url:
        yield url


@pytest.fixture(params=BACKENDS)
def where(request, tmp_path):
    """Where to open an empty ledger; opening it twice gives two connections to the same one."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger" / "bot-bottle.db")
    return emptied(request.getfixturevalue("postgres_url"))


def hurried(where):
    """Opened without waiting for the disk: what is durable is tested elsewhere."""
    opened = open_ledger(where)
    if opened.db.backend == "sqlite":
        opened.db.run("PRAGMA synchronous=OFF")
    return opened


@pytest.fixture
def ledger(where):
    opened = hurried(where)
    yield opened
    opened.close()


@pytest.fixture
def second(ledger, where):
    """Another connection to the same ledger."""
    opened = hurried(where)
    yield opened
    opened.close()


@pytest.fixture
def now():
    return float(int(time.time()))
