"""What the executor needs from others, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct, field

from botbottle.engine.api import EngineWrite
from botbottle.errors import BBError, LedgerError
from botbottle.ledger.api import Recording, Registering
from botbottle.model.plan import Op
from botbottle.model.resources import SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.ui.events import Event
from botbottle.vault import Vault

type Why = Literal["blocked", "interrupted", "fenced", "fail-fast"]


class Control(Protocol):
    """Control sockets of sidecars; a directory names the sidecar."""

    def status(self, control_dir: str) -> SidecarStatus | None:
        """What is active in it; None while it does not answer."""

    def configure(
        self, control_dir: str, config: SidecarConfig, secrets: Mapping[str, str], key: bytes
    ) -> SidecarStatus | None:
        """Deliver; returns when the sidecar has acknowledged. Raises BBError."""

    def keep_env(self, control_dir: str, values: Mapping[str, str]) -> None:
        """Keep the agent's variables in the sidecar's memory. Raises BBError."""

    def ledger_answers(self, password: str = "") -> bool:
        """Whether the ledger service answers, and uses this ``password``, if one is given."""

    def unlock_ledger(self, password: str) -> None:
        """Hand over the database's password. Never raises."""


class LedgerWrite(Registering, Recording, Protocol):
    """The part of the ledger that plans write to."""


class Images(Protocol):
    """Builds what is missing."""

    def ensure(self, recipe: str, tag: str, progress: Callable[[str], None]) -> None:
        """Make sure ``tag`` exists. Raises ImageBuildFailed."""


class Clock(Protocol):
    """Time, replaceable in tests. Seconds."""

    def now(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Tools(Struct, frozen=True):
    """Everything handlers work with."""

    engine: EngineWrite
    control: Control
    ledger: LedgerWrite
    vault: Vault
    images: Images
    clock: Clock
    emit: Callable[[Event], None]
    cancelled: Callable[[], bool]


class Failure(Struct, frozen=True):
    """An op that failed, and why."""

    op: Op
    error: BBError


class NotStarted(Struct, frozen=True):
    """An op that was not started; ``by``: the failed op that blocks it."""

    op: Op
    why: Why
    by: str = ""


class Result(Struct, frozen=True):
    """The three groups, each in the plan's order."""

    done: tuple[Op, ...] = ()
    failed: tuple[Failure, ...] = ()
    not_started: tuple[NotStarted, ...] = ()
    seconds: float = 0.0
    ids: Mapping[str, str] = field(default_factory=dict)  # names created in this run → ids
    refusal: LedgerError | None = None  # the ledger's: what took away since is not recorded

    @property
    def ok(self) -> bool:
        """Everything done and recorded, apart from failures that the plan calls best-effort."""
        return (
            not self.refusal and not self.not_started and all(f.op.best_effort for f in self.failed)
        )

    @property
    def lacking(self) -> tuple[Op, ...]:
        """What was to be done and is not."""
        failed = (f.op for f in self.failed if not f.op.best_effort)
        return (*failed, *(n.op for n in self.not_started))

    @property
    def interrupted(self) -> bool:
        return any(n.why == "interrupted" for n in self.not_started)
