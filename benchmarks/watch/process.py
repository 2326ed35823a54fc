"""One ``bb watch`` from outside: its CPU, its memory, and when it decides."""

from __future__ import annotations

import calendar
import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.frame import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 60.0  # seconds
SETTLE = 5.0


@dataclass
class Watch:
    """``bb`` with its global options, and the variables it runs with."""

    bb: list[str]
    env: dict[str, str]
    work: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        return self.work / "home/run/log/watch-home.jsonl"

    def start(self) -> None:
        argv = [*self.bb, "watch"]
        self.process = subprocess.Popen(argv, env=self.env, cwd=ROOT, stderr=subprocess.DEVNULL)
        wait(lambda: self.records("engine-connected"))
        time.sleep(SETTLE)

    def end(self) -> None:
        assert self.process
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    def records(self, event: str) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        found = [json.loads(x) for x in self.log.read_text().splitlines() if x.endswith("}")]
        return [r for r in found if r["event"] == event]

    def cpu(self) -> float:
        """Seconds of CPU so far (proc(5): fields 14 and 15 of stat)."""
        assert self.process
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident MiB."""
        assert self.process
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(x for x in text.splitlines() if x.startswith("VmRSS"))
        return round(int(line.split()[1]) / 1024, 1)

    def idle(self, seconds: float) -> tuple[float, int]:
        """Share of a core, and passes meanwhile."""
        passes, cpu, begin = len(self.records("pass")), self.cpu(), time.monotonic()
        time.sleep(seconds)
        share = (self.cpu() - cpu) / (time.monotonic() - begin)
        return share, len(self.records("pass")) - passes

    def resync(self, times: int) -> float:
        """CPU seconds of one full look, of everything a pass does. The marks of ``bb
        resume-watch`` ask for the passes."""
        marks = self.work / "home/run/watch/home"
        marks.mkdir(parents=True, exist_ok=True)
        cpu = self.cpu()
        for _ in range(times):
            passes = len(self.records("pass"))
            (marks / "bench0").touch()
            wait(lambda n=passes: len(self.records("pass")) > n)
        return (self.cpu() - cpu) / times

    def kill_one(self, number: int) -> float:
        """Kill an agent; seconds from the engine's ``die`` until the pass had decided."""
        name = f"bench{number % 10}"
        passes = len(self.records("pass"))
        victim = docker(self.env, "ps", "-q", "--filter", f"label=dev.botbottle.bottle={name}",
                        "--filter", "label=dev.botbottle.kind=agent").split()[0]  # fmt: skip
        docker(self.env, "kill", victim)
        shape = "{{.State.FinishedAt}}"
        died = epoch(docker(self.env, "inspect", "-f", shape, victim).strip())
        wait(lambda: any(r["done"] for r in self.records("pass")[passes:]))
        found = next(r for r in self.records("pass")[passes:] if r["done"])
        ended = epoch(found["ts"])
        time.sleep(0.5)  # the pass that looks at the repair itself
        return ended - (found["ms"] - found["observed_ms"]) / 1000 - died


def docker(env: dict[str, str], *args: str) -> str:
    done = subprocess.run(["docker", *args], env=env, check=True, capture_output=True, text=True)
    return done.stdout


def epoch(stamp: str) -> float:
    """``2026-01-02T03:04:05.678901234Z`` as seconds since the epoch."""
    whole, _, part = stamp.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{part or 0}")


def wait(check: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
