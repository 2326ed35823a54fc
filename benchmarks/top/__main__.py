"""What ``bb top`` costs to keep open: CPU of the whole process at N bottles.

python -m benchmarks.top [--bottles N] [--seconds S]

Two figures, because they are two questions. ``app``: the dashboard under Textual's headless
driver with a source that gives a picture every half second in which a third of the bottles
changed (drawing only). ``live``: the same dashboard on the live source, with a SQLite ledger that
another process writes to all the time (an exchange of some bottle ten times a second, so every
look finds news) and an engine in memory that answers at once, so a real engine's wire is not in
it. Figures are shares of one core after the first five seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from benchmarks.frame import write
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit, Scope
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.ui.top.app import Top
from botbottle.ui.top.live import LiveSource
from botbottle.ui.top.model import Detail, Fleet
from botbottle.ui.top.source import Source
from tests.support.worlds import World, bottle, declared
from tests.top.fakes import full, large
from tests.top.test_live import Desk

WARM = 5.0  # seconds


@dataclass
class Busy:
    """A picture every half second, a third of the bottles changed."""

    fleet: Fleet
    stopping: bool = False

    def start(self, publish: Callable[[Fleet], None]) -> None:
        self.fleet = replace(self.fleet, now=time.time())
        threading.Thread(target=self._run, args=(publish,), daemon=True).start()

    def _run(self, publish: Callable[[Fleet], None]) -> None:
        turn = 0
        while not self.stopping:
            rows = tuple(
                replace(r, budgets=(full((n * 7 + turn) % 101 / 100),), last_activity=time.time())
                if n % 3 == turn % 3
                else r
                for n, r in enumerate(self.fleet.rows)
            )
            turn += 1
            self.fleet = replace(self.fleet, rows=rows)
            publish(self.fleet)
            time.sleep(0.5)

    def hurry(self) -> None: ...

    def detail(self, bottle: str) -> Detail:
        return Detail(bottle)

    def stop(self) -> None:
        self.stopping = True


def measured(source: Source, seconds: float, *, detail: bool) -> dict[str, float]:
    """Share of a core that this process uses while the dashboard is open."""

    async def go() -> float:
        app = Top(source, None)
        async with app.run_test(size=(160, 45)) as pilot:
            if detail:
                await pilot.press("d")
            await asyncio.sleep(WARM)
            cpu, wall = time.process_time(), time.perf_counter()
            await asyncio.sleep(seconds)
            return (time.process_time() - cpu) / (time.perf_counter() - wall)

    return {"core_percent": round(100 * asyncio.run(go()), 2), "seconds": seconds}


def spend(path: str, bottles: int) -> None:
    """The writing side: ten exchanges a second until the parent goes."""
    ledger = open_ledger(path)
    turn = 0
    while sys.stdin.readable() and turn < 3000:
        found = Exchange(
            "claude", "messages", "claude-sonnet-4", "h", f"r{time.time_ns()}",
            Tokens(input_uncached=500), Completeness.FINAL, time.time(),
        )  # fmt: skip
        ledger.settle(f"proj-1/agent-{turn % bottles:03}", "", [found], now=time.time())
        turn += 1
        time.sleep(0.1)


def live(bottles: int, seconds: float) -> dict[str, float]:
    """The live source on a busy ledger."""
    shared = Scope("global", "global", (Limit("claude", 10**9, "day"),))
    specs = []
    for n in range(bottles):
        own = Scope("agent", f"agent:proj-1/agent-{n:03}", (Limit("claude", 10**7),))
        specs.append(bottle(f"agent-{n:03}", scopes=(own, shared)))
    want = declared(*specs)
    world = World()
    world.converge(want)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bot-bottle.db"
        ledger = open_ledger(str(path))
        with ledger.batch():
            for spec in specs:
                ledger.register(f"proj-1/{spec.name}", spec.scopes)
        argv = [
            sys.executable,
            "-m",
            "benchmarks.top",
            "--spend",
            str(path),
            "--bottles",
            str(bottles),
        ]
        writer = subprocess.Popen(argv)
        try:
            source = LiveSource(lambda: Desk(path, world, want), want)
            return measured(source, seconds, detail=True)
        finally:
            writer.terminate()
            writer.wait(10)
            ledger.close()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--bottles", type=int, default=100)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--spend", default="", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.spend:
        spend(given.spend, given.bottles)
        return
    figures = {
        "app": measured(Busy(large(given.bottles)), given.seconds, detail=False),
        "live": live(given.bottles, given.seconds),
    }
    print(figures)
    write(
        "top",
        "python -m benchmarks.top",
        {"bottles": given.bottles, "figures": figures, "target": "core_percent <= 5"},
    )


if __name__ == "__main__":
    main()
