"""Several applies of one project at the same time, as processes on a real engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.live import Live, eventually
from tests.support.recording import Recorder, recording

ALLOW = ("apply", "--yes", "--allow", "widen")


@pytest.fixture
def seen() -> Iterator[Recorder]:
    with recording(os.environ["DOCKER_HOST"]) as found:
        yield found


def start(live: Live, seen: Recorder, *args: str) -> subprocess.Popen[str]:
    live.env["DOCKER_HOST"] = seen.url
    return live.start(*args)


def created(*recorders: Recorder) -> int:
    """How many containers these processes asked for."""
    return sum(str(w) == "POST /containers/create" for r in recorders for w in r.writes)


def settled(live: Live) -> None:
    """One copy of everything, and nothing left to do."""
    live.bb("plan", "--detailed-exitcode", code=0, env={"DOCKER_HOST": os.environ["DOCKER_HOST"]})
    assert len(live.containers("web")) == 2 and len(live.containers(kind="ledger")) == 1


def test_the_second_is_refused_and_told_who_works(live: Live, seen: Recorder) -> None:
    gate = seen.hold("POST /containers/create")
    first = start(live, seen, *ALLOW)
    eventually(lambda: created(seen), 60)
    second = live.bb(*ALLOW, code=6, env={"DOCKER_HOST": os.environ["DOCKER_HOST"]})
    assert "BB6000" in second.stderr and f"bb apply, process {first.pid}" in second.stderr
    gate.set()
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    settled(live)
    assert created(seen) == len(live.containers())


def test_the_second_waits_when_told_and_then_finds_nothing_to_do(
    live: Live, seen: Recorder
) -> None:
    gate = seen.hold("POST /containers/create")
    first = start(live, seen, *ALLOW)
    eventually(lambda: created(seen), 60)
    with recording(os.environ["DOCKER_HOST"]) as other:
        second = start(live, other, "--lock-timeout", "120", *ALLOW)
        assert second.stdout is not None
        lines = iter(second.stdout.readline, "")
        assert any(f"waiting for bb apply, process {first.pid}" in line for line in lines)
        gate.set()
        outputs = [p.communicate(timeout=120)[0] for p in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0), outputs
        assert other.writes == [] and "nothing is left to do" in outputs[1]
    settled(live)


def test_a_crowd_ends_in_one_world_and_no_operation_is_done_twice(live: Live) -> None:
    with recording(os.environ["DOCKER_HOST"]) as seen:
        crowd = [start(live, seen, "--lock-timeout", "120", *ALLOW) for _ in range(4)]
        outputs = [p.communicate(timeout=180)[0] for p in crowd]
        assert [p.returncode for p in crowd] == [0] * 4, outputs
        assert created(seen) == len(live.containers())
    settled(live)
