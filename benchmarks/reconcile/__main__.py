"""Plan, create, change and destroy N bottles against Docker Compose v5, pyinfra, Ansible, a floor.

    python -m benchmarks.reconcile [--bottles 10] [--runs 5]      needs DOCKER_HOST

The peers are installed into ``.cache/bench`` from the machine's own package source. All tools
make the same containers: per bottle one sealed network, one two-homed and one inner container of
the same images. ``floor`` is the same through bare API calls. A bottle's sidecar is a proxy that
has to start and answer before its agent may; the peers' containers only sleep.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.frame import ROOT, Sample, compiled, measure, ratio, run, summary, write
from benchmarks.reconcile import peers
from benchmarks.reconcile.homes import change_one, write_home
from tests.support.recording import recording


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bottles", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-op-only", action="store_true", help="leave create and destroy out")
    given = parser.parse_args()
    compiled()
    work = Path(tempfile.mkdtemp(prefix="bb-bench-"))
    bench = Bench(given.bottles, given.runs, work, peers.install(ROOT / ".cache/bench"))
    try:
        data = bench.everything(cycles=not given.no_op_only)
        flag = " --no-op-only" if given.no_op_only else ""
        size = f"--bottles {given.bottles} --runs {given.runs}{flag}"
        command = f"python -m benchmarks.reconcile {size}"
        write(f"reconcile-{given.bottles}", command, {"bottles": given.bottles, **data})
    finally:
        bench.clean()
        shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Bench:
    """``n`` bottles, each scenario ``runs`` times, all tools in turn."""

    n: int
    runs: int
    work: Path
    tools: peers.Tools

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x"}

    def everything(self, *, cycles: bool) -> dict[str, Any]:
        write_home(self.work / "home", self.n)
        files = peers.write(self.work, self.n)
        figures = self.cycles(files) if cycles else {}
        self.bb("apply", "--yes", "--allow", "widen")
        self.compose(files.compose, "up", "-d", "--no-build")
        figures |= self.no_op(files)
        requests = self.requests()
        return {"figures": figures, "requests": requests, "ratios": ratios(figures)}

    def cycles(self, files: peers.Files) -> dict[str, Any]:
        """Create, change one, destroy, one tool after the other, ``runs`` times."""
        found: dict[str, list[Sample]] = {}

        def note(name: str, sample: Sample) -> None:
            found.setdefault(name, []).append(sample)

        self.bb("apply", "--yes", "--allow", "widen")  # images are there from now on
        self.bb("destroy", "--yes")
        for turn in range(self.runs):
            note("create: bb", self.bb("apply", "--yes", "--allow", "widen"))
            change_one(self.work / "home", turn)
            note("change one: bb", self.bb("apply", "--yes", "--allow", "widen"))
            note("destroy: bb", self.bb("destroy", "--yes"))
            note("create: compose", self.compose(files.compose, "up", "-d", "--no-build"))
            changed = self.compose(files.changed, "up", "-d", "--no-build")
            note("change one: compose", changed)
            note("destroy: compose", self.compose(files.changed, "down", "-v", "-t", "2"))
            note("create: floor", self.floor("up"))
            self.floor("down")
        return {name: summary(samples) for name, samples in found.items()}

    def no_op(self, files: peers.Files) -> dict[str, Any]:
        """Everything is as declared: what it costs to find that out."""
        commands = {
            "no-op: bb plan": lambda: self.bb("plan", "--detailed-exitcode"),
            "no-op: bb apply": lambda: self.bb("apply", "--yes"),
            "no-op: compose": lambda: self.compose(files.compose, "up", "-d", "--no-build"),
            "no-op: pyinfra": lambda: run(
                # --yes would skip the detection of changes
                [self.tools.pyinfra, "@local", "--dry", str(files.pyinfra)],
                env=self.env, cwd=self.work,
            ),
        }  # fmt: skip
        figures = measure(commands, self.runs)
        ansible = [self.tools.ansible, "--check", "-i", "localhost,", "-c", "local"]
        env = self.tools.ansible_env(self.env)
        once = run([*ansible, str(files.ansible)], env=env, cwd=self.work)
        return figures | {"no-op: ansible": summary([once])}  # about a second a container

    def requests(self) -> dict[str, int]:
        """Requests of one no-op plan, counted by a proxy before the engine's socket."""
        with recording(self.env["DOCKER_HOST"]) as seen:
            self.bb("plan", "--detailed-exitcode", env={"DOCKER_HOST": seen.url})
            assert not seen.writes
            inspected = sum(r.path.startswith("/containers/") for r in seen.requests) - 1
            return {"all": len(seen.requests), "inspections": inspected}

    def bb(self, *args: str, env: Mapping[str, str] | None = None) -> Sample:
        home = ["--home", str(self.work / "home"), "-C", str(self.work)]
        argv = [sys.executable, "-m", "botbottle", *home, *args]
        return run(argv, env={**self.env, **(env or {})}, cwd=ROOT)

    def compose(self, file: Path, *args: str) -> Sample:
        return run([self.tools.compose, "-p", "bbbench", "-f", str(file), *args], env=self.env)

    def floor(self, verb: str) -> Sample:
        argv = [sys.executable, "-m", "benchmarks.reconcile.floor", verb, str(self.n)]
        return run(argv, env=self.env, cwd=ROOT)

    def clean(self) -> None:
        """Whatever happened: nothing of ours stays on the engine."""
        home = ["--home", str(self.work / "home"), "-C", str(self.work), "destroy", "--yes"]
        down = [self.tools.compose, "-p", "bbbench", "down", "-v", "-t", "1", "--remove-orphans"]
        for argv in ([sys.executable, "-m", "botbottle", *home], down):
            subprocess.run(argv, env=self.env, cwd=ROOT, check=False, capture_output=True)


def ratios(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What the aims are about: wall clock, tools side by side in one run."""
    pairs = {
        "create bb / compose (aim <= 1.2)": ("create: bb", "create: compose"),
        "create bb / floor": ("create: bb", "create: floor"),
        "change one bb / compose (aim <= 1.2)": ("change one: bb", "change one: compose"),
        "destroy bb / compose (aim <= 1.2)": ("destroy: bb", "destroy: compose"),
        "no-op plan bb / compose (aim <= 1.2)": ("no-op: bb plan", "no-op: compose"),
        "no-op apply bb / plan bb": ("no-op: bb apply", "no-op: bb plan"),
        "no-op plan bb / pyinfra (aim <= 0.2)": ("no-op: bb plan", "no-op: pyinfra"),
        "no-op plan bb / ansible (aim <= 0.02)": ("no-op: bb plan", "no-op: ansible"),
    }
    both = {n: p for n, p in pairs.items() if p[0] in figures and p[1] in figures}
    return {name: ratio(figures, one, other) for name, (one, other) in both.items()}


if __name__ == "__main__":
    main()
