"""What decoding may still produce, for one message."""

from __future__ import annotations

from dataclasses import dataclass, field

_INPUT = 8 * 1024**2  # bytes that decoders may read of a message of any size
_IMAGES = 1024**2
_NESTED = 4 * 1024**2  # and four times what is sent
_SINGLES = 512
_STREAMS = 6144  # of a message of any size, and one more for each KiB that is sent


@dataclass(slots=True)
class Budget:
    """What decoding may still produce (``left``) and read (``input``), in bytes; one per message.

    What is read is counted as well: a decoder can be made to read much and give nothing, and many
    beginnings may share one end. ``headers``: those of compressed data that was begun; ``images``:
    bytes that pixels may be of ``left``, for what is painted in one colour expands a thousandfold.
    ``streams``: of compressed data that may be begun, each of which costs 4 us. ``nested``: bytes
    that stretches of decoded data may be decoded to at every alignment: lists of hashes in Base64
    in a body that is Base64 take up to six times their size, more levels multiply that.
    ``singles``: runs in decoded data that are looked at one by one, each of which costs 16 us.
    """

    left: int
    ratio: int
    exceeded: bool = False
    input: int = _INPUT
    headers: set[bytes] = field(default_factory=set)
    images: int = _IMAGES
    streams: int = _STREAMS
    singles: int = _SINGLES
    nested: int = _NESTED

    def sent(self, size: int) -> None:
        """Allow what decoders may do for ``size`` bytes that are sent."""
        self.input += 4 * size
        self.streams += size // 1024
        self.nested += 4 * size

    def single(self) -> bool:
        """Account for a run in decoded data; False when the others are to be taken together."""
        self.singles -= 1
        return self.singles >= 0

    def nest(self, size: int) -> bool:
        """Account for ``size`` bytes of a stretch in decoded data; False when that is too much."""
        self.nested -= size
        return self.nested >= 0

    def begin(self) -> bool:
        """Account for a stream; False (and ``exceeded``) when that is too much."""
        self.streams -= 1
        self.exceeded = self.exceeded or self.streams < 0
        return not self.exceeded

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

    def lend(self) -> Budget:
        """One for pixels, of which only a beginning is looked at; to be given back."""
        left = max(0, min(self.images, self.left))
        return Budget(
            left=left, ratio=self.ratio, input=self.input, headers=self.headers,
            streams=self.streams,
        )  # fmt: skip

    def back(self, lent: Budget, made: int) -> None:
        """Account for ``made`` bytes and for what was read under a lent budget."""
        self.images -= made
        self.take(min(made, max(0, self.left)))
        self.read(self.input - lent.input)
        self.streams = lent.streams
