"""What decoding may still produce, for one message."""

from __future__ import annotations

from dataclasses import dataclass

_INPUT = 8 * 1024**2  # bytes that decoders may read of a message of any size


@dataclass(slots=True)
class Budget:
    """What decoding may still produce (``left``) and read (``input``), in bytes; one per message.

    What is read is counted as well: a decoder can be made to read much and give nothing, and many
    beginnings may share one end.
    """

    left: int
    ratio: int
    exceeded: bool = False
    input: int = _INPUT

    def take(self, size: int) -> bool:
        """Account for ``size`` decoded bytes; False (and ``exceeded``) when that is too much."""
        self.left -= size
        self.exceeded = self.exceeded or self.left < 0
        return not self.exceeded

    def read(self, size: int) -> bool:
        """Account for ``size`` bytes that a decoder reads; False (and ``exceeded``) when that is
        too much."""
        self.input -= size
        self.exceeded = self.exceeded or self.input < 0
        return not self.exceeded
