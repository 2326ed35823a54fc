"""Approved fingerprints: values an operator let pass, each with a reason and an end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """One approval; ``expires`` in seconds since the epoch, 0 for never; ``rule`` "" for any."""

    fingerprint: str
    reason: str
    expires: float = 0.0
    rule: str = ""


class Allowlist:
    """An immutable set of approvals."""

    def __init__(self, entries: Iterable[Allowed] = ()) -> None:
        self._entries = {entry.fingerprint: entry for entry in entries}

    def allows(self, rule: str, fingerprint: str, now: float) -> bool:
        """True when the finding was approved and the approval still holds at ``now``."""
        entry = self._entries.get(fingerprint)
        if entry is None or (entry.rule and entry.rule != rule):
            return False
        return not entry.expires or now < entry.expires

    def __len__(self) -> int:
        return len(self._entries)
