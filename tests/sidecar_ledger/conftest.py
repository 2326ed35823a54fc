"""A running ledger service: in a thread for behaviour, as a process for crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from botbottle.ledger.opening import open_ledger
from botbottle.sidecar.ledger.__main__ import serve
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Process, Raw, World, wait_for


@pytest.fixture
def home():
    """A short path: socket paths are limited to 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="bbl"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def world(home):
    """The host's side: the ledger itself and the places of the sockets."""
    ledger = open_ledger(str(home / "l" / "bot-bottle.db"))
    yield World(home, ledger)
    ledger.close()


@pytest.fixture
def service(world):
    """The service in a thread of its own."""
    loop, ready, ended = asyncio.new_event_loop(), threading.Event(), threading.Event()
    stop = asyncio.Event()

    async def run():
        ready.set()
        await serve(str(world.db), world.root, stop)

    def thread():
        loop.run_until_complete(run())
        loop.close()
        ended.set()

    threading.Thread(target=thread, daemon=True).start()
    assert ready.wait(60)
    wait_for((world.root / "service.sock").exists)
    yield world
    loop.call_soon_threadsafe(stop.set)
    assert ended.wait(60)


@pytest.fixture
def web(service):
    """A raw connection of the registered bottle ``p/web``."""
    register(service.ledger, "web")
    with Raw(service.socket("web")) as raw:
        yield raw


@pytest.fixture
def process(world):
    """The service as a process that a test may kill and start again."""
    running = Process(world)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def bottle(service):
    register(service.ledger, "web")
    service.socket("web")
    return service
