"""The egress sidecar against other TLS-terminating proxies: same upstream, client and run.

``python -m benchmarks.egress [PLAN]`` writes ``benchmarks/results/egress.json`` (not when only
the plans whose name contains PLAN run). Subjects: the sidecar with all stages on (route matching,
outbound scan, credential injection, scrubbing), the same with meter and ledger, stock mitmdump of
the same version, srt's TLS-terminating proxy, squid with ssl-bump; TLS on both sides of each.

Every plan runs in rounds that alternate between the subjects; a figure is the median round. Rounds
end when the plan's share of ``BENCH_SECONDS`` (200) is used up, but two are always made.
``cpu_ms_each`` is the processor time of the proxy per request or event: on a machine that has
something else to do it is the figure to compare. ``BENCH_ROUNDS`` changes the number of rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import frame
from benchmarks.egress import held, lag, peers, reload, starting, uploads
from benchmarks.egress.subjects import ROOT, Subject, certificate, mitmdump, sidecar

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "200"))  # for all plans together
STOCK, STREAMING, OURS, METERED = "mitmdump", "mitmdump+stream", "sidecar", "metered"
ALL = (STOCK, OURS, "srt", "squid")
STREAMS = (STREAMING, OURS, METERED, "srt", "squid")
PLANS: dict[str, dict[str, Any]] = {
    "keep-alive, 1 connection": {"kind": "get", "path": "/1k", "connections": 1, "requests": 1500},
    "keep-alive, 16 connections": {
        "kind": "get", "path": "/1k", "connections": 16, "requests": 3200,
    },
    "POST 100 kB, 1 connection": {
        "kind": "get", "path": "/1k", "connections": 1, "requests": 200, "body": 100_000,
    },
    "10 MB bodies, 1 connection": {
        "kind": "get", "path": "/10m", "connections": 1, "requests": 20,
    },
    "new connections": {"kind": "connect", "connections": 1, "requests": 100},
    "events, 1 stream": {"kind": "sse", "connections": 1, "events": 1000, "gap": 1000},
    "events, 100 streams": {"kind": "sse", "connections": 100, "events": 60, "gap": 50_000},
}  # fmt: skip


def round_of(subject: Subject | None, upstream: int, ca: Path, plan: dict[str, Any]) -> Any:
    """One round of one plan; ``subject`` None goes straight to the upstream."""
    port, trust = (subject.port, subject.ca) if subject else (0, ca)
    command = [sys.executable, "-m", "benchmarks.egress.load", str(port), str(upstream), str(trust)]
    before = subject.cpu() if subject else 0.0
    done = subprocess.run(
        [*command, json.dumps(plan)],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{subject.name if subject else 'direct'}: {done.stderr[-2000:]}")
    figures = json.loads(done.stdout)
    if subject:
        items = plan.get("requests") or plan["connections"] * plan["events"]
        figures["cpu_ms_each"] = round((subject.cpu() - before) / items, 4)
    return figures


def middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median of each figure over the rounds."""
    return {key: round(statistics.median(r[key] for r in rounds), 4) for key in rounds[0]}


def measured(
    plan: dict[str, Any], subjects: dict[str, Subject], upstream: int, cert: Path
) -> dict[str, dict[str, float]]:
    """All rounds of one plan on every subject it is for."""
    names = [n for n in (STREAMS if plan["kind"] == "sse" else ALL) if n in subjects]
    rounds: dict[str, list[dict[str, float]]] = {"direct": [], **{n: [] for n in names}}
    end = time.monotonic() + SECONDS / len(PLANS)
    for number in range(ROUNDS):
        if number >= 2 and time.monotonic() > end:
            break
        turn = names if number % 2 else names[::-1]
        for name in ("direct", *turn):
            rounds[name].append(round_of(subjects.get(name), upstream, cert, plan))
    made = {"rounds": len(rounds["direct"])}
    return {name: {**middle(found), **made} for name, found in rounds.items()}


def ratios(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Ours against each other subject. ``rate``: ours / theirs, larger is better; ``cpu`` ours /
    theirs, smaller is better; ``p50_ms``: what ours adds."""
    ours = found[OURS]
    return {
        name: {
            "rate": round(ours["per_second"] / other["per_second"], 2),
            "cpu": round(ours["cpu_ms_each"] / other["cpu_ms_each"], 2),
            "p50_ms": round(ours["p50_ms"] - other["p50_ms"], 3),
        }
        for name, other in found.items()
        if name not in (OURS, "direct")
    }


@contextmanager
def world(folder: Path) -> Iterator[tuple[int, Path]]:
    """The upstream: its port and certificate."""
    cert, key = certificate(
        folder, "localhost", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-addext", "subjectAltName=DNS:localhost",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.egress.upstream", cert, key],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), cert
    finally:
        process.terminate()
        process.wait(10)


def start(folder: Path, cert: Path, upstream: int, stack: ExitStack) -> dict[str, Any]:
    """All subjects by name; for one that cannot be had, the reason as text."""
    makers: dict[str, Callable[[], Subject]] = {
        STOCK: lambda: mitmdump(folder, cert, streaming=False),
        STREAMING: lambda: mitmdump(folder, cert, streaming=True),
        OURS: lambda: sidecar(folder, cert, upstream),
        METERED: lambda: sidecar(folder, cert, upstream, metered=True),
        "srt": lambda: peers.srt(folder, cert),
        "squid": lambda: peers.squid(folder, cert),
    }
    found: dict[str, Any] = {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except peers.Absent as reason:
            found[name] = f"not measured: {reason}"
            print(f"{name} {found[name]}", flush=True)
        else:
            stack.callback(found[name].stop)
    return found


def run(folder: Path, only: str) -> dict[str, Any]:
    """All plans on all subjects, then the loop's lag under scans."""
    with world(folder) as (upstream, cert), ExitStack() as stack:
        found = start(folder, cert, upstream, stack)
        subjects = {n: s for n, s in found.items() if isinstance(s, Subject)}
        figures: dict[str, Any] = {
            "absent": {n: text for n, text in found.items() if n not in subjects},
            "idle_mib": {n: s.memory() for n, s in subjects.items()},
        }
        for name, plan in PLANS.items():
            if only in name:
                figures[name] = measured(plan, subjects, upstream, cert)
                figures[name]["ours_against"] = ratios(figures[name])
                show(name, figures[name])
        for name, extra in extras(subjects[OURS], upstream, str(folder / "rules")).items():
            if only in name:
                figures[name] = extra()
                print(name, json.dumps(figures[name]), flush=True)
        figures["after_mib"] = {n: s.memory() for n, s in subjects.items()}
        return figures


def extras(ours: Subject, upstream: int, rules: str) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is measured on the sidecar alone."""
    return {
        lag.NAME: lambda: lag.measure(ours, upstream),
        held.NAME: lambda: held.measure(rules),
        reload.NAME: lambda: reload.measure(ours, upstream),
        uploads.NAME: lambda: uploads.measure({ours.name: ours}, upstream),
        starting.NAME: lambda: starting.measure(rules),
    }


def show(name: str, figures: dict[str, Any]) -> None:
    """A plan's figures as a table."""
    print(f"\n{name:28}  p50 ms   p99 ms  per second  cpu ms each  ours: rate x   cpu x")
    for who, found in figures.items():
        if who == "ours_against":
            continue
        against = figures["ours_against"].get(who, {})
        cpu = f"{found['cpu_ms_each']:11.3f}" if "cpu_ms_each" in found else " " * 11
        tail = f"{against['rate']:14} {against['cpu']:7}" if against else ""
        line = f"{found['p50_ms']:8.3f} {found['p99_ms']:8.3f} {found['per_second']:11.1f}"
        print(f"  {who:26}{line}  {cpu}{tail}", flush=True)


def main() -> int:
    """Measure and write the results."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), only)
    if not only:
        frame.write("egress", "python -m benchmarks.egress", {"rounds": ROUNDS, **figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
