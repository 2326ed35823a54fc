"""The real world of the watch loop: session, engine, ledger, lock and lease."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botbottle.applying import carry_out
from botbottle.engine.api import EngineWrite
from botbottle.executor import Control, Result
from botbottle.ledger.api import Ledger
from botbottle.locking import project_lock
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from botbottle.planner.plan import states_of
from botbottle.session import Session
from botbottle.ui.events import Event
from botbottle.watch.sources import Manifests

LEASE_TTL = 10.0  # seconds


@dataclass(slots=True)
class LiveWorld:
    """``loop.World`` on real parts."""

    session: Session
    engine: EngineWrite
    control: Control
    ledger: Ledger
    manifests: Manifests
    lease_name: str
    emit: Callable[[Event], None]
    cancelled: Callable[[], bool]
    resume_dir: Path
    _version: int = -1
    _epoch: int = field(default=-1)

    def load(self) -> tuple[Declared | None, str]:
        loaded = self.session.load()
        why = "; ".join(f"{d.origin}: {d.message}" for d in loaded.errors)
        return loaded.declared, why

    def plan(self, declared: Declared) -> Plan:
        return self.session.plan(declared, view=self.ledger.view(time.time()))

    def execute(self, declared: Declared, plan: Plan) -> Result:
        lock = self.session.paths.lock(declared.project.id)
        with project_lock(lock, "watch"):
            return carry_out(
                self.session,
                declared,
                plan,
                engine=self.engine,
                control=self.control,
                ledger=self.ledger,
                emit=self.emit,
                cancelled=self.cancelled,
                fence=self.fence,
                approve=False,
            )

    def standings(self, declared: Declared) -> Mapping[str, str]:
        view = self.ledger.view(time.time())
        states = states_of(declared, view).items()
        return {name: f"{s.policy}:{s.trigger_id}" for name, s in states}

    def ledger_changed(self) -> bool:
        now = self.ledger.version()
        changed = now != self._version
        self._version = now
        return changed

    def files_changed(self) -> bool:
        return self.manifests.changed()

    def resumed(self) -> tuple[str, ...]:
        """Take the marks that ``bb resume-watch`` left."""
        if not self.resume_dir.is_dir():
            return ()
        found = sorted(p.name for p in self.resume_dir.iterdir())
        for name in found:
            (self.resume_dir / name).unlink(missing_ok=True)
        return tuple(found)

    def renew(self) -> bool:
        holder = f"{socket.gethostname()}:{os.getpid()}"
        lease = self.ledger.acquire_lease(
            self.lease_name, holder, ttl=LEASE_TTL, now=time.time(), info="bb watch"
        )
        if lease is not None:
            self._epoch = lease.epoch
        return lease is not None

    def fence(self) -> bool:
        """Asked before every write: is the lease still ours?"""
        return self.ledger.check_lease(self.lease_name, self._epoch, now=time.time())

    def close(self) -> None:
        self.ledger.drop_lease(self.lease_name, self._epoch)
        self.ledger.close()
