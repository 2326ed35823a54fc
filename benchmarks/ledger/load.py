"""Gate + commit under load: our service and the floor, same sidecars, same disk, in turns."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botbottle.ledger.opening import open_ledger
from botbottle.model.bottle import Limit, Scope
from botbottle.model.paths import slug

HERE = Path(__file__).parent
# Not counted: a log that still grows to the size it is then reused at costs its writer half as much
# again for each commit, and the two have logs of different sizes.
WARM_SECONDS = 1.5


@contextmanager
def ours(home: Path, count: int) -> Iterator[tuple[list[Path], int]]:
    """The service with ``count`` bottles that share pools; yields their sockets and its pid."""
    ledger = open_ledger(str(home / "l" / "bot-bottle.db"))
    for i in range(count):
        scopes = (
            Scope("agent", f"agent:p/b{i}"),
            Scope(
                "bottle", "bottle:dev", (Limit("claude", 10**13), Limit("claude", 10**12, "day"))
            ),
            Scope("parent", "bottle:base"),
            Scope("global", "global"),
        )
        ledger.register(f"p/b{i}", scopes, agent=f"b{i}", ancestry=("dev", "base"))
    command = [sys.executable, "-m", "botbottle.sidecar.ledger", "--db", ledger.where]
    child = subprocess.Popen([*command, "--sockets", str(home / "s")], stderr=subprocess.DEVNULL)
    paths = [home / "s" / slug("p", f"b{i}") / "ledger.sock" for i in range(count)]
    try:
        _wait(paths)
        yield paths, child.pid
    finally:
        child.terminate()
        child.wait(20)
        problems = ledger.check().problems
        ledger.close()
        if problems:
            raise SystemExit(f"the books are wrong: {problems}")


@contextmanager
def floor(home: Path, count: int) -> Iterator[tuple[list[Path], int]]:
    """The minimal loop; all sidecars share its one socket."""
    path = home / "floor.sock"
    child = subprocess.Popen(
        [sys.executable, str(HERE / "floor.py"), str(home / "f.db"), str(path)]
    )
    try:
        _wait([path])
        yield [path] * count, child.pid
    finally:
        child.kill()
        child.wait(20)


def _wait(paths: list[Path]) -> None:
    deadline = time.monotonic() + 20
    while not all(p.exists() for p in paths):
        if time.monotonic() > deadline:
            raise SystemExit("the service did not come up")
        time.sleep(0.01)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process's threads so far, as the scheduler measures it: what is
    counted in clock ticks is wrong for a process that wakes up for less than one."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def load(
    paths: list[Path], server: int, seconds: float, pause: float, name: str = "m"
) -> dict[str, Any]:
    """Run one sidecar for each path at once; ``name`` makes the ids of this run its own."""
    children = [
        subprocess.Popen(
            [sys.executable, "-S", "-E", str(HERE / "sidecar.py"), str(path), f"{name}{i}",
             str(seconds), str(pause)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for i, path in enumerate(paths)
    ]  # fmt: skip
    time.sleep(0.5)
    before = cpu_seconds(server)
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    results = [json.loads(child.communicate(timeout=seconds + 15)[0]) for child in children]
    found = summary(results, seconds)
    done = sum(len(r["both"]) for r in results)
    found["server_cpu_us_per_exchange"] = round((cpu_seconds(server) - before) / done * 1e6, 1)
    return found


def summary(results: list[dict[str, list[int]]], seconds: float) -> dict[str, Any]:
    """Rates, percentiles in milliseconds, and the spread between sidecars."""
    counts = [len(r["both"]) for r in results]
    found: dict[str, Any] = {
        "exchanges_per_second": round(sum(counts) / seconds, 1),
        "unfairness": round(max(abs(c * len(counts) / sum(counts) - 1) for c in counts), 4),
    }
    for name in ("gate", "commit", "both"):
        values = sorted(x for r in results for x in r[name])
        at = {p: values[min(len(values) - 1, int(len(values) * p))] for p in (0.5, 0.99)}
        found[f"{name}_ms"] = {
            "p50": at[0.5] / 1000, "p99": at[0.99] / 1000, "max": values[-1] / 1000}  # fmt: skip
    return found


def compare(sidecars: int, seconds: float, rounds: int, pause: float) -> dict[str, Any]:
    """Both in turns; the median round of each, and the ratio of each pair of rounds."""
    runs: dict[str, list[dict[str, Any]]] = {"service": [], "floor": []}
    for _ in range(rounds):
        for name, started in (("service", ours), ("floor", floor)):
            with (
                tempfile.TemporaryDirectory(prefix="bbl") as home,
                started(Path(home), sidecars) as (paths, pid),
            ):
                load(paths, pid, WARM_SECONDS, 0.0, "w")
                runs[name].append(load(paths, pid, seconds, pause))
    ratios = [
        mine["exchanges_per_second"] / least["exchanges_per_second"]
        for mine, least in zip(runs["service"], runs["floor"], strict=True)
    ]
    middle = {
        name: sorted(found, key=lambda r: r["exchanges_per_second"])[len(found) // 2]
        for name, found in runs.items()
    }
    return {
        "sidecars": sidecars,
        "seconds": seconds,
        "warm_seconds": WARM_SECONDS,
        "pause": pause,
        "rounds": rounds,
        **middle,
        "service_to_floor": round(statistics.median(ratios), 3),
        "service_to_floor_all": [round(r, 3) for r in ratios],
        "each_round": {name: [_brief(run) for run in found] for name, found in runs.items()},
    }


def _brief(run: dict[str, Any]) -> dict[str, float]:
    """What tells a slow disk from a slow program: CPU an exchange, and what a commit waited for."""
    commit = run["commit_ms"]
    return {
        "exchanges_per_second": run["exchanges_per_second"],
        "server_cpu_us_per_exchange": run["server_cpu_us_per_exchange"],
        "commit_ms_p50": commit["p50"],
        "commit_ms_p99": commit["p99"],
        "commit_ms_max": commit["max"],
        "both_ms_p99": run["both_ms"]["p99"],
    }
