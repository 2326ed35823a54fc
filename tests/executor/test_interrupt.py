"""Ctrl-C on a real process: once finishes what is in flight, twice stops at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

PROGRAM = """
import sys, threading
from botbottle.cli.interrupt import graceful
from botbottle.model.plan import EnsureImage
from tests.support.engines import fake_lab
from tests.support.executing import Bench

bench = Bench(fake_lab().engine)
go_on = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), go_on.set()), daemon=True).start()
def slow(recipe, tag, progress):
    print("building", flush=True)
    go_on.wait(60)
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


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """Two of four slow operations are in flight and wait for a line of standard input."""
    made = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": "."},
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "building\n"
    assert made.stdout.readline() == "building\n"
    yield made
    made.kill()
    made.communicate()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C and wait until the program says that it has seen it."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("Ctrl-C again" in line for line in iter(process.stderr.readline, ""))


def test_the_first_finishes_what_is_in_flight_and_starts_no_other(
    process: subprocess.Popen[str],
) -> None:
    interrupt(process)
    out, _ = process.communicate("go on\n", timeout=60)
    assert out.split("\n") == ["built", "built", "2 2 True", ""]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_stops_now_whatever_is_in_flight(
    process: subprocess.Popen[str], second: signal.Signals
) -> None:
    interrupt(process)
    process.send_signal(second)
    process.wait(timeout=60)  # the operations still wait for the line that never comes
    out, err = process.communicate()
    assert "built" not in out
    assert "KeyboardInterrupt" in err
