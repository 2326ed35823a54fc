"""``bb watch`` as a process of its own, on an engine that owns nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import unittest.mock
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.app import main
from botbottle.ledger import open_ledger
from botbottle.ledger.api import Ledger
from tests.support.live import ROOT, eventually
from tests.support.stub_engine import StubEngine, stub_engine
from tests.watch.looping import Rig

PATIENCE = 90  # seconds: a bound for a broken test, never what is tested
AGENT = "---\nbottle: base\nstate: stopped\n---\nwork\n"
BOTTLE = "---\nagent_provider: {template: claude}\nsupervise: false\n---\n"


@dataclass
class Watching:
    """One home, and the processes that a test starts on it."""

    work: Path
    engine: StubEngine
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    count: int = 0

    @property
    def home(self) -> Path:
        return self.work / "home"

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("BB_", "NOTIFY_"))}
        return kept | {"DOCKER_HOST": self.engine.url, "PYTHONPATH": str(ROOT),
                       "HOME": str(self.work), "ANTHROPIC_API_KEY": "sk-real-watched"}  # fmt: skip

    def argv(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "botbottle", "--home", str(self.home), "-C", str(self.work),
                *args]  # fmt: skip

    def start(self, *args: str, **environ: str) -> Process:
        self.count += 1
        log = self.work / f"log-{self.count}"
        with log.open("w") as out:
            run = subprocess.Popen(self.argv(*args), env=self.environ | environ, cwd=self.work,
                                   stdout=out, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        self.running.append(run)
        return Process(run, log)

    def bb(self, *args: str) -> subprocess.CompletedProcess[str]:
        """A verb that ends, in this process: only signals need one of its own."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            unittest.mock.patch.dict(os.environ, self.environ, clear=True),
            keeping_signals(),
        ):
            code = main(self.argv(*args)[3:])
        return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())

    def manifest(self, path: str, text: str) -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def close(self) -> None:
        for run in self.running:
            if run.poll() is None:
                run.kill()
            run.wait(PATIENCE)


@dataclass
class Process:
    """A running ``bb`` and what it has written."""

    run: subprocess.Popen[str]
    log: Path

    def records(self, event: str = "") -> list[dict[str, Any]]:
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [r for r in found if not event or r.get("event") == event]

    def saw(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait until the log has that many of these records."""

        def enough() -> list[dict[str, Any]]:
            assert self.run.poll() is None or len(self.records(event)) >= times, (
                f"it ended with {self.run.returncode}:\n{self.log.read_text()}"
            )
            found = self.records(event)
            return found if len(found) >= times else []

        found: list[dict[str, Any]] = eventually(enough, PATIENCE)
        return found

    def tell(self, number: signal.Signals) -> None:
        self.run.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.run.send_signal(number)
        return self.run.wait(PATIENCE)


@contextlib.contextmanager
def keeping_signals() -> Iterator[None]:
    """The verb under test sets handlers; pytest gets its own back."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    with stub_engine(tmp_path) as engine:
        made = Watching(tmp_path, engine)
        made.manifest("bottles/base.md", BOTTLE)
        made.manifest("agents/web.md", AGENT)
        yield made
        made.close()


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A real one, which a watch writes to."""
    made = open_ledger(str(tmp_path / "bot-bottle.db"), create=True, read_only=False)
    yield made
    made.close()
