"""One bottle in a home of its own, with the reconciler in this process and its ledger's gate."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker

from benchmarks.frame import ROOT
from botbottle.applying import carry_out
from botbottle.control.adapter import ControlClient
from botbottle.engine.docker import DockerEngine, connect
from botbottle.executor import Result
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import Declared
from botbottle.model.paths import account
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.session import Session, declared_or_raise
from botbottle.ui.events import Event, OpDone

NAME = "bench"


@dataclass(slots=True)
class Bench:
    """``budget`` in tokens; ``bb`` runs the command, ``reconcile`` one pass in this process."""

    work: Path
    engine: DockerEngine
    api: docker.APIClient
    session: Session
    declared: Declared
    done: list[tuple[str, float]] = field(default_factory=list)  # op id, when

    @property
    def key(self) -> str:
        return account(self.declared.project.id, NAME)

    @property
    def socket(self) -> str:
        return f"{self.session.paths.bottle(self.declared.project.id, NAME).socket_dir}/ledger.sock"

    def argv(self, *args: str) -> list[str]:
        base = [sys.executable, "-m", "botbottle", "--home", str(self.work / "home")]
        return [*base, "-C", str(self.work), *args]

    def bb(self, *args: str) -> None:
        done = subprocess.run(self.argv(*args), check=False, capture_output=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def ids(self, kind: str) -> list[str]:
        """Containers of one kind."""
        marks = [f"dev.botbottle.home={self.session.paths.home_id}", f"dev.botbottle.kind={kind}"]
        return [c["Id"] for c in self.api.containers(all=True, filters={"label": marks})]

    def containers(self) -> list[str]:
        """The bottle's own, agent first."""
        return [*self.ids("agent"), *self.ids("egress")]

    def state(self, identity: str) -> str:
        return str(self.api.inspect_container(identity)["State"]["Status"])

    def volumes(self) -> list[str]:
        mark = f"dev.botbottle.home={self.session.paths.home_id}"
        return [v["Name"] for v in self.api.volumes({"label": mark})["Volumes"] or ()]

    def active(self) -> SidecarConfig | None:
        """What the sidecar says is active in it; None while none runs."""
        control = self.session.paths.bottle(self.declared.project.id, NAME).control
        status = ControlClient(self.session.paths.socket_root).status(control)
        return status.config if status else None

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        opened = self.session.open_ledger(self.declared, write=True)
        try:
            yield opened
        finally:
            opened.close()

    def reconcile(self) -> Result:
        """One pass: observe, plan, carry out. ``done`` gets the moment of each op."""
        self.done.clear()

        def emit(event: Event) -> None:
            if isinstance(event, OpDone):
                self.done.append((event.op_id, time.perf_counter()))

        with self.ledger() as ledger:
            return carry_out(
                self.session,
                self.declared,
                self.session.plan(self.declared),
                engine=self.engine,
                control=ControlClient(self.session.paths.socket_root),
                ledger=ledger,
                emit=emit,
                settle=False,
            )

    def when(self, *starts: str) -> float:
        """When the last op whose id starts with one of these was done."""
        return max(at for op, at in self.done if op.startswith(starts))


@contextlib.contextmanager
def bench(shutdown: str = "cutoff", budget: str = "1M") -> Iterator[Bench]:
    """A bottle that runs; nothing of it stays afterwards."""
    work = Path(tempfile.mkdtemp(prefix="bb-bench-"))
    os.environ.setdefault("ANTHROPIC_API_KEY", "x-bench")
    for folder in ("bottles", "agents"):
        (work / "home" / folder).mkdir(parents=True)
    # Away from the pool of whoever else uses this engine; and no round removes what another took.
    (work / "home/settings.yml").write_text(
        f"address_pool: 10.{20 + os.getpid() % 80}.0.0/16\nfreezes: {{keep: 1000}}\n"
    )
    (work / "home/bottles/base.md").write_text(
        "---\nagent_provider: {template: claude}\nsupervise: false\n"
        f"shutdown: {shutdown}\nbudget: {{claude: {budget}}}\n---\n"
    )
    (work / f"home/agents/{NAME}.md").write_text("---\nbottle: base\nstate: started\n---\nx\n")
    engine = connect()
    session = Session(work / "home", work, os.environ, engine, ControlClient(""))
    made = Bench(work, engine, docker.from_env().api, session, declared_or_raise(session.load()))
    session.control = ControlClient(session.paths.socket_root)
    try:
        made.bb("apply", "--yes", "--allow", "widen,budget,destroy")
        yield made
    finally:
        subprocess.run(made.argv("destroy", "--yes", "--allow", "destroy"), cwd=ROOT, check=False,
                       capture_output=True)  # fmt: skip
        subprocess.run(made.argv("freezes", "--prune", "0h"), cwd=ROOT, check=False,
                       capture_output=True)  # fmt: skip
        session.close()
        engine.close()
        shutil.rmtree(work, ignore_errors=True)
