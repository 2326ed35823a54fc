"""Plan, create, change and destroy N bottles against Docker Compose v5, pyinfra, Ansible, a floor.

    python -m benchmarks.reconcile [--bottles N ...] [--runs 5] [--no-op-only] [--alone] [--ansible]

Needs DOCKER_HOST. Without ``--bottles``: 10, with every tool, then 50 against Compose and pyinfra;
about five minutes on two cores. ``--alone`` leaves every other tool out: what 200 bottles cost is
``--bottles 200 --no-op-only --alone`` (about four minutes and 16 GiB: their sidecars are real).
``--ansible`` asks Ansible at any size, which takes about a second a container.

The peers are installed into ``.cache/bench`` from the machine's own package source. All tools
make the same containers: per bottle one sealed network, one two-homed and one inner container of
the same images. ``floor`` is the same through bare API calls. A bottle's sidecar is a proxy that
has to start and answer before its agent may; the peers' containers only sleep. ``create: compose,
working sidecars`` is Compose with the sidecar's own program, and agents that wait for it (up to
10 bottles).

``change one`` is one container made anew: bb's because of another prompt, or (``by its keys``) of
other environment variables, Compose's because of another variable. bb's ends when the new one was
seen to stay up and a second plan is empty, or (``until it is started``, ``--no-wait``) without the
former; Compose's when it was started, or (``until it runs``, ``--wait``) was seen to run. bb copies
files into the container besides. ``change one, milliseconds`` is when each step of one such apply
had ended.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.frame import ROOT, Sample, compiled, measure, ratio, run, summary, write
from benchmarks.reconcile import peers
from benchmarks.reconcile.homes import change_keys, change_prompt, write_home
from benchmarks.reconcile.timeline import timeline
from tests.support.recording import recording

APPLY = ("apply", "--yes", "--allow", "widen")
CHANGES = 5  # of one bottle, by each tool
SMALL = 10  # bottles up to which every tool takes part, and the cycle is run twice
USUAL = (10, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bottles", type=int, nargs="+", default=USUAL)
    parser.add_argument("--runs", type=int, default=5, help="of what changes nothing")
    parser.add_argument("--no-op-only", action="store_true", help="leave change and destroy out")
    parser.add_argument("--alone", action="store_true", help="leave the other tools out")
    parser.add_argument("--ansible", action="store_true", help="ask Ansible at any size")
    given = parser.parse_args()
    compiled()
    tools = peers.install(ROOT / ".cache/bench")
    for size in given.bottles:
        figures_of(size, given, tools)


def figures_of(size: int, given: argparse.Namespace, tools: peers.Tools) -> None:
    """Measure one size and write its file."""
    work = Path(tempfile.mkdtemp(prefix="bb-bench-"))
    bench = Bench(
        n=size, runs=given.runs, work=work, tools=tools, alone=given.alone,
        ansible=given.ansible or size <= SMALL,
    )  # fmt: skip
    options = [o for o in ("no-op-only", "alone", "ansible") if vars(given)[o.replace("-", "_")]]
    words = ["python -m benchmarks.reconcile", f"--bottles {size} --runs {given.runs}"]
    try:
        data = bench.everything(cycles=0 if given.no_op_only else 2 if size <= SMALL else 1)
        command = " ".join([*words, *(f"--{o}" for o in options)])
        write(f"reconcile-{size}", command, {"bottles": size, **data})
    finally:
        bench.clean()
        shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``n`` bottles, all tools in turn; what changes nothing ``runs`` times."""

    n: int
    runs: int
    work: Path
    tools: peers.Tools
    alone: bool
    ansible: bool
    found: dict[str, list[Sample]] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)  # of one change, in milliseconds

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x"}

    def everything(self, *, cycles: int) -> dict[str, Any]:
        """``cycles`` times create, change one and destroy; what changes nothing in between."""
        write_home(self.work / "home", self.n)
        files = peers.write(self.work, self.n)
        self.warm()
        self.create(files)
        no_op = self.no_op(files)
        requests = self.requests()
        for turn in range(cycles):
            if turn:
                self.create(files)
            self.change(files)
            self.destroy(files)
        figures = {name: summary(samples) for name, samples in self.found.items()} | no_op
        return {
            "figures": figures, "requests": requests, "ratios": ratios(figures),
            "change one, milliseconds": sorted(self.steps.items(), key=lambda step: step[1]),
        }  # fmt: skip

    def warm(self) -> None:
        """Images and the outer network are there from now on; what is timed makes containers."""
        self.bb(*APPLY, "--only", "bench0")
        self.bb("destroy", "--yes")

    def note(self, name: str, sample: Sample) -> None:
        self.found.setdefault(name, []).append(sample)

    def create(self, files: peers.Files) -> None:
        self.note("create: bb", self.bb(*APPLY))
        if self.alone:
            return
        self.note("create: compose", self.compose(files.compose, "up", "-d", "--no-build"))
        if self.n <= SMALL:
            self.note("create: floor", self.floor("up"))
            self.floor("down")

    def change(self, files: peers.Files) -> None:
        """One container another one, again and again, the tools in turn."""
        home, up = self.work / "home", ("up", "-d", "--no-build")
        for turn in range(CHANGES):
            change_prompt(home, turn)
            self.note("change one: bb", self.bb(*APPLY))
            if not self.alone:
                self.note("change one: compose", self.compose(files.changed[0], *up))
            change_prompt(home, CHANGES + 1 + turn)
            self.note("change one, until it is started: bb", self.bb(*APPLY, "--no-wait"))
            change_keys(home, turn)
            self.note("change one, by its keys: bb", self.bb(*APPLY))
            if not self.alone:
                waited = self.compose(files.changed[1], *up, "--wait")
                self.note("change one: compose, until it runs", waited)
        change_prompt(home, CHANGES)
        self.steps.update(self.timed())

    def timed(self) -> dict[str, float]:
        """One more apply, which writes down when each of its steps has ended."""
        events = self.work / "events.jsonl"
        events.unlink(missing_ok=True)
        begin = time.time()
        self.bb("--events", str(events), *APPLY)
        return timeline(events, begin, time.time())

    def destroy(self, files: peers.Files) -> None:
        self.note("destroy: bb", self.bb("destroy", "--yes"))
        if not self.alone:
            self.compose_down(files.compose, "destroy: compose")
        if not self.alone and self.n <= SMALL:  # 50 take two minutes
            self.working(files)

    def working(self, files: peers.Files) -> None:
        """When everything else is gone, as bb creates with nothing else there."""
        up = self.compose(files.working, "up", "-d", "--no-build")
        self.note("create: compose, working sidecars", up)
        self.compose_down(files.working, "destroy: compose, working sidecars")

    def compose_down(self, file: Path, name: str) -> None:
        """An old engine may hold a network longer than its last container; Compose gives up then
        and leaves it. Such a run is not counted, and what it left is asked for once more."""
        try:
            self.note(name, self.compose(file, "down", "-v", "-t", "2"))
        except AssertionError as error:
            if "has active endpoints" not in str(error):
                raise
            self.compose(file, "down", "-v", "-t", "2", codes=(0, 1))

    def no_op(self, files: peers.Files) -> dict[str, Any]:
        """Everything is as declared: what it costs to find that out."""
        commands = {
            "no-op: bb plan": lambda: self.bb("plan", "--detailed-exitcode"),
            "no-op: bb apply": lambda: self.bb("apply", "--yes"),
        }
        if not self.alone:
            commands["no-op: compose"] = lambda: self.compose(
                files.compose, "up", "-d", "--no-build"
            )
            commands["no-op: pyinfra"] = lambda: run(
                # --yes would skip the detection of changes
                [self.tools.pyinfra, "@local", "--dry", str(files.pyinfra)],
                env=self.env, cwd=self.work,
            )  # fmt: skip
        figures = measure(commands, self.runs)
        if self.alone or not self.ansible:
            return figures
        ansible = [self.tools.ansible, "--check", "-i", "localhost,", "-c", "local"]
        env = self.tools.ansible_env(self.env)
        once = run([*ansible, str(files.ansible)], env=env, cwd=self.work)
        return figures | {"no-op: ansible": summary([once])}

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

    def compose(self, file: Path, *args: str, codes: Sequence[int] = (0,)) -> Sample:
        argv = [self.tools.compose, "-p", "bbbench", "-f", str(file), *args]
        return run(argv, env=self.env, codes=codes)

    def floor(self, verb: str) -> Sample:
        argv = [sys.executable, "-m", "benchmarks.reconcile.floor", verb, str(self.n)]
        return run(argv, env=self.env, cwd=ROOT)

    def clean(self) -> None:
        """Whatever happened: nothing of ours stays on the engine."""
        home = ["--home", str(self.work / "home"), "-C", str(self.work), "destroy", "--yes"]
        down = [self.tools.compose, "-p", "bbbench", "down", "-v", "-t", "1", "--remove-orphans"]
        ours = [sys.executable, "-m", "botbottle", *home]
        for argv in (ours, *(() if self.alone else (down,))):
            subprocess.run(argv, env=self.env, cwd=ROOT, check=False, capture_output=True)


def ratios(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What the aims are about: wall clock, tools side by side in one run."""
    pairs = {
        "create bb / compose (aim <= 1.2)": ("create: bb", "create: compose"),
        "create bb / compose, working sidecars": (
            "create: bb",
            "create: compose, working sidecars",
        ),
        "create bb / floor": ("create: bb", "create: floor"),
        "change one bb / compose (aim <= 1.2)": ("change one: bb", "change one: compose"),
        "change one bb / compose, both until it is started": (
            "change one, until it is started: bb",
            "change one: compose",
        ),
        "change one by its keys bb / compose": (
            "change one, by its keys: bb",
            "change one: compose",
        ),
        "change one bb / compose, both until it runs": (
            "change one: bb",
            "change one: compose, until it runs",
        ),
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
