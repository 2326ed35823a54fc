"""Private engines killed at any moment, in any combination: the next run works, nothing stays.

Bounded: ``ROUNDS`` kills, each at a random moment of start, work or stop. The seed is printed, and
``BB_CHAOS_SEED`` repeats a run.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.scripts.test_private_engine import (
    call,
    eventually,
    home,
    popen,
    processes,
    traces,
)

__all__ = ["home"]  # a fixture: found by name

ROUNDS = 12
LONGEST = 2.0  # seconds: a start takes about 0.7, a stop 0.3

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.getuid() != 0, reason="a private engine needs root"),
]


def test_a_run_killed_at_any_moment_never_spoils_the_next(home: Path) -> None:
    seed = int(os.environ.get("BB_CHAOS_SEED", time.time_ns()))
    print(f"BB_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    for number in range(ROUNDS):
        kill_somewhere(home, chance)
        done = call(home, "run", "--", "docker", "version")
        assert done.returncode == 0, f"round {number}: {done.stderr}"
        assert eventually(lambda: traces(home) == []), f"round {number}: {traces(home)}"


def kill_somewhere(home: Path, chance: random.Random) -> None:
    """Start a run, wait a while, kill some of its processes, then the run itself."""
    process = popen(home, "--", "sleep", "0.5")
    time.sleep(chance.uniform(0, LONGEST))
    for pid, _ in processes(home):
        if chance.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    kill = chance.choice([os.kill, os.killpg, os.killpg, None])  # the script alone, all, nobody
    if kill:
        with contextlib.suppress(ProcessLookupError):
            kill(process.pid, signal.SIGKILL)
    process.wait(60)
    assert process.stdout
    process.stdout.close()
