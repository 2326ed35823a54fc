"""What the watch loop acts on, as a protocol: real parts in ``world``, a simulator in its tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from botbottle.executor import Result
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan


class World(Protocol):
    """Everything the loop acts on."""

    def load(self) -> tuple[Declared | None, str]:
        """The declared set, or None and why not."""

    def plan(self, declared: Declared) -> Plan: ...

    def unknown(self) -> Collection[str]:
        """Bottles that run, are not declared any more and of which the newest plan has nothing, as
        no kept apply tells what they were."""

    def locked(self) -> AbstractContextManager[object]:
        """The project's lock. Raises Locked when somebody else has it."""

    def execute(self, declared: Declared, plan: Plan) -> Result:
        """Carry out; the lock is held."""

    def standings(self, declared: Declared) -> Mapping[str, str]:
        """Bottle → what enforcement makes of it now; cheap, reads only the ledger."""

    def ledger_changed(self) -> bool: ...

    def files_changed(self) -> bool: ...

    def resumed(self) -> tuple[str, ...]:
        """Bottles an operator released from the damper since the last call."""

    def renew(self) -> bool:
        """Renew the right to enforce; False when somebody else has it now."""
