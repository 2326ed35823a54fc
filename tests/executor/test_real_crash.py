"""The real thing: a process that applies a plan to a real engine is killed with SIGKILL at the
k-th writing request, before the engine gets it or after it has answered."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from botbottle.engine.docker import DockerEngine
from botbottle.model.plan import Ref
from tests.support import tinyimage
from tests.support.engines import ensure_tiny, random_block, real_engine
from tests.support.executing import Bench
from tests.support.recording import Recorder, recording
from tests.support.tinyplanner import Bottle, plan, running_copies

pytestmark = pytest.mark.engine

PROGRAM = """
import sys
from botbottle.engine.docker import connect
from tests.support.executing import Bench
from tests.support.tinyplanner import Bottle, plan
name, block, image, version = sys.argv[1:]
engine = connect()
ops = plan([Bottle(name, block, image, version, name)], engine.observe(name))
result = Bench(engine).run(*ops, parallel=2, settle=False)
sys.exit(0 if result.ok else 4)
"""


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    found = real_engine()
    ensure_tiny(found)
    yield found
    found.close()


@pytest.fixture
def bottle(engine: DockerEngine) -> Iterator[Bottle]:
    name = uuid.uuid4().hex[:8]
    made = Bottle(name, random_block(name), tinyimage.tag(), home=name)
    yield made
    for container in engine.observe(name).containers:
        engine.remove_container(Ref("", container.id), kill=True)
    engine.remove_network(Ref(made.network().name))
    engine.remove_volume(made.volume().name)


@pytest.fixture
def recorder(engine: DockerEngine) -> Iterator[Recorder]:
    with recording(engine.connection.endpoint.socket) as found:
        yield found


def start(bottle: Bottle, version: str, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable, "-c", PROGRAM,
            bottle.name, bottle.block, bottle.image, version,
        ],
        env={**os.environ, "DOCKER_HOST": url, "PYTHONPATH": "."},
    )  # fmt: skip


def apply(engine: DockerEngine, bottle: Bottle) -> bool:
    """In this process, undisturbed."""
    ops = plan([bottle], engine.observe(bottle.home))
    return Bench(engine).run(*ops, parallel=2, settle=False).ok


def left(engine: DockerEngine, bottle: Bottle) -> list[str]:
    """What a plan would still do."""
    return [o.id for o in plan([bottle], engine.observe(bottle.home))]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [1, 4, 6, 8])
def test_a_killed_apply_is_finished_by_a_plain_second_run(
    engine: DockerEngine, bottle: Bottle, recorder: Recorder, write: int, when: str
) -> None:
    assert apply(engine, bottle)  # version 1 runs
    holder: list[int] = []
    recorder.kill_at(write, lambda: holder[0], when)
    process = start(bottle, "2", recorder.url)
    holder.append(process.pid)
    code = process.wait(60)
    changed = Bottle(bottle.name, bottle.block, bottle.image, "2", bottle.name)
    assert code == -9
    assert apply(engine, changed)
    assert left(engine, changed) == []
    copies = running_copies(engine.observe(bottle.home), bottle.home)
    assert copies[bottle.name, "agent"] == copies[bottle.name, "egress"] == 1


def test_a_second_apply_sends_nothing_but_reads(
    engine: DockerEngine, bottle: Bottle, recorder: Recorder
) -> None:
    assert start(bottle, "1", recorder.url).wait(60) == 0
    assert len(recorder.writes) >= 6
    before = [(c.id, c.started_at) for c in engine.observe(bottle.home).containers]
    recorder.clear()
    assert start(bottle, "1", recorder.url).wait(60) == 0
    assert recorder.writes == []
    assert [(c.id, c.started_at) for c in engine.observe(bottle.home).containers] == before


def test_a_server_error_is_retried_and_a_cut_connection_repeated(
    engine: DockerEngine, bottle: Bottle, recorder: Recorder
) -> None:
    recorder.fail("POST /networks/create", status=503, times=1)
    recorder.cut("POST /containers/create", when="after", times=1)
    recorder.cut("POST /containers/.*/start", when="before", times=1)
    assert start(bottle, "1", recorder.url).wait(60) == 0
    assert left(engine, bottle) == []
