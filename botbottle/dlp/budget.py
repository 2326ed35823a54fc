"""What decoding may still produce, for one message."""

from __future__ import annotations

from dataclasses import dataclass, field

_INPUT = 8 * 1024**2  # bytes that decoders may read of a message of any size


@dataclass(slots=True)
class Budget:
    """What decoding may still produce (``left``) and read (``input``), in bytes; one per message.

    What is read is counted as well: a decoder can be made to read much and give nothing, and many
    beginnings may share one end. ``headers``: those of compressed data that was begun.
    """

    left: int
    ratio: int
    exceeded: bool = False
    input: int = _INPUT
    headers: set[bytes] = field(default_factory=set)

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
