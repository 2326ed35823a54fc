"""Ctrl-C on a real process: once finishes what is in flight, twice stops at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys, time
from botbottle.cli.interrupt import graceful
from botbottle.model.plan import EnsureImage
from tests.support.engines import fake_lab
from tests.support.executing import Bench

bench = Bench(fake_lab().engine)
def slow(recipe, tag, progress):
    print("building", flush=True)
    time.sleep(float(sys.argv[1]))
    print("built", flush=True)
bench.images.ensure = slow
ops = [EnsureImage(id=n, resource=n, bottle="", reason="x", recipe=n, tag=n) for n in "abcd"]
with graceful(sys.stderr) as cancelled:
    from botbottle.executor import execute
    from botbottle.model.plan import Plan
    result = execute(Plan("p", ops=tuple(ops)), bench.engine, bench.control, bench.ledger,
                     bench.vault, bench.images, parallel=2, cancelled=cancelled)
print(len(result.done), len(result.not_started), result.interrupted, flush=True)
"""


def start(seconds: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, seconds],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": "."},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    assert process.stdout.readline() == "building\n"
    return process


def test_the_first_finishes_what_is_in_flight_and_starts_no_other() -> None:
    process = start("1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert out.split("\n") == ["built", "built", "2 2 True", ""]
    assert "Ctrl-C again" in err


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_stops_now_whatever_is_in_flight(second: signal.Signals) -> None:
    process = start("60")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    before = time.monotonic()
    process.send_signal(second)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - before < 10
    assert "built" not in out
    assert "KeyboardInterrupt" in err
