"""From the crossing to the end: refusals, cutoff, kill and freeze, against the engine's own floor.

    python -m benchmarks.enforcement [--rounds 20]      needs DOCKER_HOST

``cutoff``: usage that crosses a budget is told to the real ledger service over the bottle's own
socket; from its acknowledgement the gate is asked without pause while a real ``bb watch`` cuts
the bottle off; the moment is the audit row's. ``kill`` and ``freeze``: the reconciler's pass in
this process (observe, plan, carry out, two ledger writes for each op), in turns with bare calls
of the engine on the same containers, made anew each time: kill + remove of both containers, and
pause + commit + stop of the agent.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import signal
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

from benchmarks.enforcement.bottle import NAME, Bench, bench
from benchmarks.frame import ROOT, compiled, write
from botbottle.ledger.records import Admitted
from botbottle.model.bottle import Policy
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.ledger.client import LedgerClient

SECONDS = 30.0  # bound of every wait
EXTRA = 2_000_000  # tokens that cross any budget here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    compiled()
    with bench() as made:
        crossing = asyncio.run(crossings(made, rounds))
    with bench() as made:
        kill = in_turns(made, rounds, bare_kill, ordered_kill)
    with bench() as made:
        freeze = in_turns(made, rounds, bare_freeze, ordered_freeze)
    command = f"python -m benchmarks.enforcement --rounds {rounds}"
    write("enforcement", command, {"crossing": crossing, "kill": kill, "freeze": freeze})


# -- crossing → refusal → cutoff --------------------------------------------------------------
async def crossings(made: Bench, rounds: int) -> dict[str, Any]:
    """A watch runs; cross, ask on, wait for the row, raise the budget, wait for the lifting."""
    watch = subprocess.Popen(
        made.argv("watch"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    client = LedgerClient(made.socket)
    await client.start()
    found: list[float] = []
    asked = admitted = 0
    try:
        await until(lambda: client.connected and watched(made))
        for turn in range(rounds):
            before = rows(made, "enforce")
            crossed = await cross(client, turn)
            while rows(made, "enforce") == before:
                answer = await client.admit("claude", "m", input_tokens=1, allowance=1)
                asked += 1
                admitted += isinstance(answer, Admitted)
                if time.time() - crossed > SECONDS:
                    raise AssertionError("no cutoff came")
            with made.ledger() as ledger:
                found.append(ledger.audit(limit=1)[-1].at - crossed)
            lifted = rows(made, "lift")
            made.bb("budget", "set", f"agent:{made.key}", "claude", str((turn + 2) * 2 * EXTRA))
            await until(functools.partial(more_rows, made, "lift", lifted))
    finally:
        await client.close()
        watch.send_signal(signal.SIGTERM)
        watch.wait(SECONDS)
    return {
        "rounds": rounds,
        "asked_after_crossing": asked,
        "admitted_after_crossing": admitted,
        "cutoff_ms": spread(found),
    }


async def cross(client: LedgerClient, turn: int) -> float:
    """Spend more than is left; when the service had it on disk (seconds since the epoch)."""
    answer = await client.admit("claude", "m", input_tokens=10, allowance=10)
    assert isinstance(answer, Admitted), answer
    tokens = Tokens(output=2 * EXTRA)
    used = Exchange(
        "claude", "messages", "m", "api.example", f"msg-{turn}", tokens, Completeness.FINAL,
        time.time(),
    )  # fmt: skip
    await client.settle(answer.lease, (used,))
    return time.time()


def rows(made: Bench, action: str) -> int:
    with made.ledger() as ledger:
        return sum(r.action == action for r in ledger.audit(account=made.key))


def more_rows(made: Bench, action: str, before: int) -> bool:
    return rows(made, action) > before


def watched(made: Bench) -> bool:
    with made.ledger() as ledger:
        return ledger.view(time.time()).watch_alive


async def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


# -- kill and freeze against bare calls ----------------------------------------------------------
type Round = Callable[[Bench, int], dict[str, float]]


def in_turns(made: Bench, rounds: int, bare: Round, ours: Round) -> dict[str, Any]:
    """A B A B …, so that a drifting machine hurts both alike; the first of each is thrown away."""
    found: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        for measure in (bare, ours):
            figures = measure(made, turn)
            back(made)
            if turn:
                for name, seconds in figures.items():
                    found.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratios = {n: round(m / medians["bare"], 2) for n, m in medians.items() if n != "bare"}
    return {"ms": {n: spread(v) for n, v in found.items()}, "ratio_of_medians": ratios}


def back(made: Bench) -> None:
    """The bottle runs again, whatever was done to it."""
    with made.ledger() as ledger:
        ledger.release_hold(made.key, by="bench", now=time.time())
        record = ledger.view(time.time()).enforced.get(made.key)
        if record:
            ledger.enforce(made.key, record.policy, record.trigger_id, before="", after="",
                           lift=True, now=time.time())  # fmt: skip
    result = made.reconcile()
    assert result.ok, result.failed


def bare_kill(made: Bench, _turn: int) -> dict[str, float]:
    ids = made.containers()
    start = time.perf_counter()
    for identity in ids:
        made.api.kill(identity)
    for identity in ids:
        made.api.remove_container(identity)
    return {"bare": time.perf_counter() - start}


def ordered_kill(made: Bench, _turn: int) -> dict[str, float]:
    """``containers``: both are gone; ``everything``: network and volumes too, and the row."""
    order(made, "kill")
    start = time.perf_counter()
    assert made.reconcile().ok
    end = time.perf_counter()
    return {"containers": made.when("remove:bench/") - start, "everything": end - start}


def bare_freeze(made: Bench, turn: int) -> dict[str, float]:
    (agent, _), tag = made.containers(), f"bare-{turn}"
    start = time.perf_counter()
    made.api.pause(agent)
    made.api.commit(agent, "botbottle/bench", tag, pause=False)
    made.api.stop(agent, timeout=2)
    took = time.perf_counter() - start
    made.api.remove_image(f"botbottle/bench:{tag}")
    return {"bare": took}


def ordered_freeze(made: Bench, _turn: int) -> dict[str, float]:
    """``stopped``: the agent has ended; ``committed``: so has its commit; ``everything``: its
    volumes are searched and copied, the sidecar is stopped and the row is written."""
    order(made, "freeze")
    start = time.perf_counter()
    assert made.reconcile().ok
    end = time.perf_counter()
    return {
        "stopped": made.when(f"stop:{NAME}/agent") - start,
        "committed": made.when("commit:") - start,
        "everything": end - start,
    }


def order(made: Bench, policy: Policy) -> None:
    with made.ledger() as ledger:
        ledger.hold(made.key, policy, by="bench", now=time.time())


def spread(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(seconds)
    return {
        "min": round(1000 * ordered[0], 1),
        "median": round(1000 * statistics.median(ordered), 1),
        "p95": round(1000 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max": round(1000 * ordered[-1], 1),
    }


if __name__ == "__main__":
    main()
