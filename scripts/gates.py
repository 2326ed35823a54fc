"""The quality gates: one command each, their output shown only when they fail, one line at the end.

``check`` needs no engine. ``test`` is ``check`` followed by the end-to-end tests on a real engine
and a real PostgreSQL. The last line counts every test of every stage that ran, and each failing
gate as one failure; it is read from the test runner's own reports, not from its text.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
REPORTS = ROOT / ".cache" / "reports"

FAST = "not engine and not postgres and not chaos"
REAL = "(engine or postgres) and not chaos"
IMAGES = ("agent-base", "sidecar", "agent-claude", "agent-codex")


@dataclass(frozen=True, slots=True)
class Gate:
    """One command. ``report``: name of the JUnit file it writes. ``loud``: shown as it runs."""

    name: str
    argv: tuple[str, ...]
    report: str = ""
    loud: bool = False


@dataclass(slots=True)
class Tally:
    """Sums over all stages."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    gates: list[str] = field(default_factory=list)  # names of the failed ones

    def line(self) -> str:
        """The closing line."""
        tail = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{tail}"


def tool(name: str, *argv: str) -> tuple[str, ...]:
    """A program of the venv."""
    return (str(BIN / name), *argv)


def pytest(report: str, marks: str, *argv: str) -> tuple[str, ...]:
    """The test runner with a JUnit report, for the tests that ``marks`` selects."""
    return tool("pytest", "-q", "-m", marks, f"--junit-xml={REPORTS / report}.xml", *argv)


def stage(engines: int) -> tuple[str, ...]:
    """On real engines and a real database, which come and go with the stage."""
    return (
        *("scripts/engine", "run", "--engines", str(engines), "--"),
        *("scripts/postgres", "run", "--"),
        *(str(BIN / "python"), "scripts/images.py", *IMAGES, "--"),
    )


def workers(default: str) -> tuple[str, ...]:
    """Parallel test processes; ``BB_TEST_WORKERS`` overrides."""
    return ("-n", os.environ.get("BB_TEST_WORKERS", default))


STATIC = (
    Gate("format", tool("ruff", "format", "--check", ".")),
    Gate("lint", tool("ruff", "check", ".")),
    Gate("imports", tool("lint-imports", "--config", ".importlinter")),
    Gate("docstrings", tool("interrogate", "-q", "-iImMsp", "--fail-under", "60", "botbottle")),
    Gate("types", tool("mypy")),
)
# Installed where that may be done; where not, the tests that want them are skipped.
BROWSER = Gate("browser", ("scripts/browser",))
SHELLS = Gate("shells", ("scripts/shells",))
# Fetches the agents' programs; their images are built for the end-to-end tests.
NPM = Gate("npm", ("scripts/npm",))
UNIT = Gate("unit tests", pytest("unit", FAST, *workers("2")), report="unit")
# One test process an engine (tests/conftest.py): they wait for containers most of the time.
SPREAD = ("-n", "auto", "--dist", "loadfile", "--max-worker-restart", "0")
E2E = Gate("end-to-end tests", (*stage(2), *pytest("e2e", REAL, *SPREAD)), report="e2e", loud=True)
# Looks for new examples; every other stage tries the same ones each time (tests/conftest.py).
EXPLORING = ("env", "BB_EXPLORE=1")
CHAOS = Gate("chaos", (*stage(1), *EXPLORING, *pytest("chaos", "chaos")), report="chaos", loud=True)

TARGETS = {
    "check": (*STATIC, UNIT),
    "unit": (UNIT,),
    "e2e": (NPM, E2E),
    "chaos": (NPM, CHAOS),
    "test": (*STATIC, BROWSER, SHELLS, NPM, UNIT, E2E),
}


def main(target: str) -> int:
    """Run a target's gates; 0 when all of them passed and at least one test ran."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    start = time.monotonic()
    for gate in TARGETS[target]:
        run(gate, tally)
    say(f"{target}: {verdict(tally)} ({time.monotonic() - start:.0f} s)")
    print(tally.line(), flush=True)
    return 1 if tally.failed or not tally.passed else 0


def verdict(tally: Tally) -> str:
    """Which gates failed, in words."""
    return "failed: " + ", ".join(tally.gates) if tally.gates else "all gates passed"


def run(gate: Gate, tally: Tally) -> None:
    """Run one gate and add what it found to the tally."""
    report = REPORTS / f"{gate.report}.xml"
    if gate.report:
        report.unlink(missing_ok=True)
    start = time.monotonic()
    if gate.loud:
        say(f"{gate.name}: running")
    done = subprocess.run(
        gate.argv,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=None if gate.loud else subprocess.PIPE,
        stderr=None if gate.loud else subprocess.STDOUT,
        text=True,
        check=False,
    )
    failed = done.returncode != 0
    if failed and done.stdout:
        print(done.stdout, flush=True)
    say(f"{gate.name}: {'FAILED' if failed else 'ok'} ({time.monotonic() - start:.1f} s)")
    count(gate, report, failed, tally)


def count(gate: Gate, report: Path, failed: bool, tally: Tally) -> None:
    """A failed command is a failure even if its report shows none, or there is no report."""
    before = tally.failed
    if gate.report and report.exists():
        add_report(report, tally)
    if failed:
        tally.failed = max(tally.failed, before + 1)
        tally.gates.append(gate.name)


def add_report(report: Path, tally: Tally) -> None:
    """Add a JUnit file's counts. An error in a fixture counts as a failure."""
    for suite in ET.parse(report).getroot().iter("testsuite"):
        total, errors, failures, skipped = (
            int(suite.get(key, "0")) for key in ("tests", "errors", "failures", "skipped")
        )
        bad = errors + failures
        tally.failed += bad
        tally.skipped += skipped
        tally.passed += total - bad - skipped


def say(text: str) -> None:
    """Progress, on standard error like every other message of the scripts."""
    print(f"▸ {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: gates.py {'|'.join(TARGETS)}")
    sys.exit(main(sys.argv[1]))
