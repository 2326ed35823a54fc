"""The real world of the watch loop: session, engine, ledger, lock and lease."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from botbottle.applying import carry_out
from botbottle.engine.api import EngineWrite
from botbottle.errors import BBError
from botbottle.executor import Control, Result
from botbottle.ledger.api import Ledger
from botbottle.locking import project_lock
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from botbottle.planner.pending import limits_of
from botbottle.planner.plan import plan, states_of
from botbottle.session import Session
from botbottle.ui.events import Event
from botbottle.watch.inputs import Inputs
from botbottle.watch.loop import RENEW
from botbottle.watch.sources import Manifests
from botbottle.watch.undeclared import Undeclared, running, there

LEASE_TTL = 10.0  # seconds
LOOK = 30.0  # seconds between attempts with what libpq finds: each may wait for a dead server


class LiveWorld(Struct):
    """``acting.World`` on real parts. ``saw`` is told what each plan was made from."""

    session: Session
    engine: Callable[[], EngineWrite]  # made at the first write, as its modules are heavy
    control: Control
    ledger: Ledger
    manifests: Manifests
    project: str
    emit: Callable[[Event], None]
    cancelled: Callable[[], bool]
    resume_dir: Path
    raises: bool = False  # an edited limit may be raised, as an apply does when it is approved
    saw: Callable[[Inputs], None] = lambda _inputs: None
    changes: int = 0  # how often somebody else had changed the ledger
    _gone: Undeclared = field(default_factory=Undeclared)
    _version: int = -1
    _epoch: int = field(default=-1)
    _unknown: tuple[str, ...] = ()
    _planned: Declared | None = None  # what the newest plan is for
    _begun: int | None = None  # the epoch when the newest plan was begun
    _renewed: float = 0.0  # monotonic time of the newest attempt
    _looks: float = 0.0  # monotonic time of the next such attempt

    def load(self) -> tuple[Declared | None, str]:
        """The manifests of the project that this watch holds the right to enforce. While its folder
        is away (a branch without it), the search finds another project's or only home's."""
        loaded = self.session.load()
        found = loaded.declared
        if found is not None and found.project.id != self.project:
            return None, (
                f"the manifests of {self.project} are gone: {found.project.id} is found in their "
                "place, which this watch does not enforce"
            )
        why = "; ".join(f"{d.origin}: {d.message}" for d in loaded.errors)
        return found, why

    def plan(self, declared: Declared) -> Plan:
        """Of what is declared, and of what is not any more and must not run."""
        self._begun = self._epoch
        with self._renewing():
            inputs = self._looked(declared)
        self.saw(inputs)
        self._planned = inputs.declared
        return plan(inputs.declared, inputs.observed, inputs.view, inputs.facts)

    def _looked(self, declared: Declared) -> Inputs:
        """One question to each, and no second one: a pass that waits holds up every bottle."""
        held = self._gone.held(self.ledger, declared, self.ledger.view(time.time()))
        whole = replace(declared, bottles=(*declared.bottles, *held))
        facts = replace(self.session.facts(whole), raises=self.raises)
        if self.raises:  # it approves whatever is declared, and keeps no set of its own
            facts = replace(facts, policies={})
        observed = self.session.observe(whole, facts)
        view = self.ledger.view(time.time(), limits_of(declared))
        held = tuple(spec for spec in self._gone.held(self.ledger, declared, view) if spec in held)
        declared = there(declared, held, observed, self.session.paths.home_id)
        unknown = self._gone.unknown(self.ledger, declared, view)
        self._unknown = running(declared, unknown, observed, self.session.paths.home_id)
        facts = self.session.with_snapshots(declared, facts, observed, view)
        return Inputs(declared=declared, observed=observed, view=view, facts=facts)

    def unknown(self) -> tuple[str, ...]:
        return self._unknown

    def locked(self) -> AbstractContextManager[object]:
        return project_lock(self.session.paths.lock(self.project), "watch")

    @property
    def lease_name(self) -> str:
        return f"watch/{self.project}"

    def execute(self, declared: Declared, plan: Plan) -> Result:
        begun = self._begun if self._begun is not None else self._epoch

        def fence() -> bool:
            # The lease may run out unnoticed (a sleeping machine) and be taken again: one step of
            # the epoch. More steps mean that somebody else has enforced since the plan was begun.
            return self._epoch - begun <= 1 and self.fence()

        with self._renewing():
            return carry_out(
                self.session,
                self._planned or declared,  # with the credentials of those not declared any more
                plan,
                engine=self.engine(),
                control=self.control,
                ledger=self.ledger,
                emit=self.emit,
                cancelled=self.cancelled,
                fence=fence,
                approve=False,
            )

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        """Keep the lease while something long holds up the loop: an operation (an image, a
        snapshot), an engine or sidecars that answer late."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(max(0.0, self._renewed + RENEW - time.monotonic())):
                with contextlib.suppress(BBError):  # the fence asks again before every write
                    self.renew()

        thread = threading.Thread(target=keep, name="bb-watch-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def standings(self, declared: Declared) -> Mapping[str, str]:
        view = self.ledger.view(time.time())
        gone = self._gone.specs(self.ledger, declared, view)
        states = states_of(replace(declared, bottles=(*declared.bottles, *gone)), view).items()
        return {name: f"{s.policy}:{s.trigger_id}" for name, s in states}

    def ledger_changed(self) -> bool:
        now = self.ledger.version()
        changed = now != self._version
        self._version = now
        self.changes += changed
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

    def take(self) -> str:
        """Take the right to enforce, the project's watch lock being held; empty, or who has it.
        A lease that a dead process of this machine left behind is not waited for: whoever holds
        the lock knows that it ended, and the epoch grows all the same."""
        if self.renew():
            return ""
        held = self.ledger.lease(self.lease_name)
        if held is not None and _died_here(held.holder):
            self.ledger.drop_lease(held.name, held.epoch)
            return "" if self.renew() else "another bb watch"
        return f"bb watch of {held.holder}" if held else "another bb watch"

    def renew(self) -> bool:
        """Also takes care that the renewal does not look like somebody's change: within the
        transaction nobody else can write."""
        self._renewed = time.monotonic()  # also where it fails: it is not tried without a pause
        self._follow_password()
        holder = f"{socket.gethostname()}:{os.getpid()}"
        with self.ledger.batch():
            before = self.ledger.version()
            lease = self.ledger.acquire_lease(
                self.lease_name, holder, ttl=LEASE_TTL, now=time.time(), info="bb watch"
            )
            if before == self._version:
                self._version = self.ledger.version()
        if lease is not None:
            self._epoch = lease.epoch
        return lease is not None

    def _follow_password(self) -> None:
        """Where ``bb apply`` has handed the service another password: that one from now on, or
        what libpq finds now. Without either the connection that there is goes on."""
        old = self.ledger.password
        if not old or not self.session.control.ledger_locked(old):
            return
        new = self.session.control.newer_password(old)
        if new or time.monotonic() >= self._looks:
            self._looks = time.monotonic() + LOOK
            with contextlib.suppress(BBError):
                self.ledger.rekey(new)

    def fence(self) -> bool:
        """Asked before every write: is the lease still ours? A ledger that cannot be asked
        means no."""
        try:
            return self.ledger.check_lease(self.lease_name, self._epoch, now=time.time())
        except BBError:
            return False

    def close(self) -> None:
        """Give the lease back; a ledger in trouble lets it run out by itself."""
        with contextlib.suppress(BBError):
            self.ledger.drop_lease(self.lease_name, self._epoch)
        self.ledger.close()


def _died_here(holder: str) -> bool:
    """Whether ``HOST:PID`` is a process of this machine that is gone."""
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
