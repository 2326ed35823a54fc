"""Stand-ins for what the executor works with: virtual time, control sockets, ledger, images."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botbottle.executor import Result, execute
from botbottle.model.plan import Op, Plan
from botbottle.model.resources import SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig, fingerprint
from botbottle.ui.events import Event
from botbottle.vault import MemoryVault

KEY = b"k" * 32


class VirtualClock:
    """Time that passes only in ``sleep``; ``at`` runs a function when a moment comes."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.time += seconds
            self.slept.append(seconds)
            due = [f for at, f in self._due if at <= self.time]
            self._due = [(at, f) for at, f in self._due if at > self.time]
        for act in due:
            act()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        self._due.append((1000.0 + seconds, act))


class FakeControl:
    """Sidecars by control directory: ready ones answer, configured ones remember."""

    def __init__(self) -> None:
        self.statuses: dict[str, SidecarStatus] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.env: dict[str, dict[str, str]] = {}
        self.ledger = True
        self.error: Exception | None = None

    def status(self, control_dir: str) -> SidecarStatus | None:
        return self.statuses.get(control_dir)

    def configure(
        self, control_dir: str, config: SidecarConfig, secrets: Mapping[str, str], key: bytes
    ) -> SidecarStatus | None:
        if self.error:
            raise self.error
        marks = tuple((n, fingerprint(key, v)) for n, v in sorted(secrets.items()))
        status = SidecarStatus(config_hash=config.config_hash, secrets=marks, ready=True)
        self.statuses[control_dir] = status
        self.secrets[control_dir] = dict(secrets)
        return status

    def keep_env(self, control_dir: str, values: Mapping[str, str]) -> None:
        self.env[control_dir] = dict(values)

    def ledger_answers(self, password: str = "") -> bool:
        return self.ledger

    def unlock_ledger(self, password: str) -> None:
        raise AssertionError("no password was asked for")


class FakeLedger:
    """Records calls; also a journal."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.entries: list[list[str]] = []
        self._lock = threading.Lock()

    def register(self, account: str, scopes: Sequence[object], **more: object) -> None:
        self.calls.append(("register", account))

    def retire(self, account: str) -> None:
        self.calls.append(("retire", account))

    def enforce(self, account: str, policy: str, trigger: str, **more: object) -> bool:
        self.calls.append(("enforce", (account, policy, trigger, more["lift"], more["now"])))
        return True

    def record_freeze(self, account: str, image: str, manifest_digest: str, *, now: float) -> None:
        self.calls.append(("freeze", (account, image, manifest_digest)))

    def forget_freeze(self, account: str, image: str) -> bool:
        self.calls.append(("forget", (account, image)))
        return True

    def note_audit(self, action: str, subject: str, *, by: str, detail: str = "") -> None:
        self.calls.append((action, (subject, detail)))

    def intent(self, run: str, project: str, *, op: str, op_id: str, resource: str) -> int:
        with self._lock:
            self.entries.append([run, project, op, op_id, resource, "", ""])
            return len(self.entries) - 1

    def outcome(self, entry: int, outcome: str, detail: str = "") -> None:
        self.entries[entry][5:] = [outcome, detail]

    def outcomes(self) -> dict[str, str]:
        return {e[3]: e[5] for e in self.entries}


class FakeImages:
    def __init__(self) -> None:
        self.built: list[str] = []
        self.error: Exception | None = None

    def ensure(self, recipe: str, tag: str, progress: Callable[[str], None]) -> None:
        progress(f"building {recipe}")
        if self.error:
            raise self.error
        self.built.append(tag)


@dataclass(slots=True)
class Bench:
    """An executor with everything around it."""

    engine: Any
    control: FakeControl = field(default_factory=FakeControl)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    images: FakeImages = field(default_factory=FakeImages)
    clock: VirtualClock = field(default_factory=VirtualClock)
    vault: MemoryVault = field(default_factory=lambda: MemoryVault(KEY))
    events: list[Event] = field(default_factory=list)
    cancel: bool = False

    def run(self, *ops: Op, parallel: int = 1, **options: Any) -> Result:
        return execute(
            Plan("test", ops=ops),
            self.engine,
            self.control,
            self.ledger,
            options.pop("vault", self.vault),
            self.images,
            parallel=parallel,
            journal=self.ledger,
            run="run1",
            emit=self.events.append,
            cancelled=lambda: self.cancel,
            clock=self.clock,
            **options,
        )

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]
