"""What reading verbs ask of sidecars, as a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from botbottle.model.resources import SidecarStatus


class ControlRead(Protocol):
    """The reading side of the sidecars' control sockets."""

    def status(self, control_dir: str) -> SidecarStatus | None:
        """What is active in the sidecar behind this directory; None while it does not answer."""

    def statuses(self, control_dirs: Sequence[str]) -> Sequence[SidecarStatus | None]:
        """``status`` of each, in order."""

    def kept_env(self, control_dirs: Sequence[str]) -> Sequence[Mapping[str, str]]:
        """The agents' variables in each sidecar's memory; empty while it does not answer."""

    def ledger_locked(self, password: str = "") -> bool:
        """Whether the ledger service runs but cannot use its database, or uses another password
        than this one, if one is given."""

    def newer_password(self, password: str) -> str:
        """What the ledger service uses in place of ``password``, which it used before; empty when
        it does not know that one."""
