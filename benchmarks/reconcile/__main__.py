"""No-op plan and create of N bottles against Docker Compose v5, pyinfra, Ansible and the floor.

    python -m benchmarks.reconcile [--bottles 10] [--runs 5]      needs DOCKER_HOST

The peers are installed into ``.cache/bench`` from the machine's own package source. All tools
make the same containers: per bottle one sealed network, one two-homed and one inner container of
the same images. ``floor`` is the same through bare API calls.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.frame import ROOT, measure, ratio, run, write
from benchmarks.reconcile import peers
from benchmarks.reconcile.homes import write_home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bottles", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    tools = peers.install(ROOT / ".cache/bench")
    work = Path(tempfile.mkdtemp(prefix="bb-bench-"))
    env = {**os.environ, "ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x"}
    try:
        data = measure_all(given.bottles, given.runs, work, env, tools)
        command = f"python -m benchmarks.reconcile --bottles {given.bottles}"
        write(f"reconcile-{given.bottles}", command, data)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def measure_all(
    n: int, runs: int, work: Path, env: dict[str, str], tools: peers.Tools
) -> dict[str, Any]:
    write_home(work / "home", n)
    bb = [sys.executable, "-m", "botbottle", "--home", str(work / "home"), "-C", str(work)]
    peer = peers.write(work, n)
    compose = [tools.compose, "-p", "bbbench", "-f", str(peer.compose)]
    up = [*compose, "up", "-d", "--no-build"]
    down = [*compose, "down", "-v", "-t", "1"]

    def quiet(argv: list[str]) -> None:
        subprocess.run(argv, env=env, check=True, capture_output=True, cwd=ROOT)

    def bb_create() -> Any:
        return run([*bb, "apply", "--yes", "--allow", "widen"], env=env, cwd=ROOT)

    def bb_destroy() -> None:
        quiet([*bb, "destroy", "--yes"])

    created: dict[str, Any] = {"bb apply": [], "compose up": [], "floor": []}
    bb_create()
    bb_destroy()
    for _ in range(runs):
        created["bb apply"].append(bb_create())
        bb_destroy()
        created["compose up"].append(run(up, env=env))
        quiet(down)
        created["floor"].append(
            run(
                [sys.executable, "-m", "benchmarks.reconcile.floor", "up", str(n)],
                env=env,
                cwd=ROOT,
            )
        )
        quiet([sys.executable, "-m", "benchmarks.reconcile.floor", "down", str(n)])
    from benchmarks.frame import summary

    figures = {f"create: {name}": summary(found) for name, found in created.items()}
    bb_create()
    quiet(up)
    noop = {
        "no-op: bb plan": lambda: run([*bb, "plan"], env=env, cwd=ROOT),
        "no-op: bb apply": lambda: run([*bb, "apply", "--yes"], env=env, cwd=ROOT),
        "no-op: compose up": lambda: run(up, env=env),
        "no-op: pyinfra dry run": lambda: run(
            [tools.pyinfra, "@local", "--dry", "-y", str(peer.pyinfra)], env=env, cwd=work
        ),
    }
    if n <= 10:  # about a second for each container
        noop["no-op: ansible check"] = lambda: run(
            [tools.ansible, "--check", "-i", "localhost,", "-c", "local", str(peer.ansible)],
            env=tools.ansible_env(env),
            cwd=work,
        )
    figures |= measure(noop, runs)
    bb_destroy()
    quiet(down)
    ratios = {
        "create bb / compose (target <= 1.3)": ratio(
            figures, "create: bb apply", "create: compose up"
        ),
        "create bb / floor": ratio(figures, "create: bb apply", "create: floor"),
        "no-op plan bb / pyinfra (target <= 0.25)": ratio(
            figures, "no-op: bb plan", "no-op: pyinfra dry run"
        ),
        "no-op apply bb / compose": ratio(figures, "no-op: bb apply", "no-op: compose up"),
    }
    if "no-op: ansible check" in figures:
        ratios["no-op plan bb / ansible (target <= 0.05)"] = ratio(
            figures, "no-op: bb plan", "no-op: ansible check"
        )
    return {"bottles": n, "figures": figures, "ratios": ratios}


if __name__ == "__main__":
    main()
