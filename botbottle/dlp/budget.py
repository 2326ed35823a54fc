"""What decoding may still produce, for one message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """What decoding may still produce; one per message."""

    left: int
    ratio: int
    exceeded: bool = False

    def take(self, size: int) -> bool:
        """Account for ``size`` decoded bytes; False (and ``exceeded``) when that is too much."""
        self.left -= size
        self.exceeded = self.exceeded or self.left < 0
        return not self.exceeded
