"""Remove echoes of real credentials from what comes back, at streaming speed.

A response is searched chunk by chunk with ``bytes.find``; only a tail that could be the start
of a secret is held back until the next chunk decides. A found secret is overwritten with ``*``
of the same length, so that Content-Length and framing stay true. Texts shorter than MINIMUM
would hit by accident and are not searched for.
"""

from __future__ import annotations

from collections.abc import Iterable

MINIMUM = 8  # bytes


class Scrubber:
    """The texts to remove. Holds secrets: no repr beyond their number."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        found = {text for text in texts if len(text) >= MINIMUM}
        self._needles = tuple(sorted(found, key=len, reverse=True))
        self._longest = max((len(n) for n in self._needles), default=1)
        self._alphabet = bytes(sorted({byte for needle in found for byte in needle}))

    def __repr__(self) -> str:
        return f"Scrubber({len(self._needles)} texts)"

    def __bool__(self) -> bool:
        return bool(self._needles)

    def hits(self, data: bytes) -> bool:
        """Whether a whole secret is in ``data``."""
        return any(needle in data for needle in self._needles)

    def clean(self, data: bytes) -> bytes:
        """``data`` with every whole secret overwritten."""
        for needle in self._needles:
            if needle in data:
                data = data.replace(needle, b"*" * len(needle))
        return data

    def held(self, data: bytes) -> int:
        """Length of the longest tail of ``data`` that could become a secret."""
        window = data[1 - self._longest :] if self._longest > 1 else b""
        start = len(data) - (len(window) - len(window.rstrip(self._alphabet)))
        if start == len(data):
            return 0  # the last byte is in no secret
        longest = 0
        for needle in self._needles:
            at = max(start, len(data) - len(needle) + 1)
            while (at := data.find(needle[:1], at)) >= 0:
                if needle.startswith(data[at:]):
                    longest = max(longest, len(data) - at)
                    break
                at += 1
        return longest

    def stream(self) -> ScrubStream:
        """A cleaner for one body."""
        return ScrubStream(self)


class ScrubStream:
    """Cleans one body given in chunks."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._tail = b""
        self.found = False

    def feed(self, chunk: bytes) -> bytes:
        """What may be passed on now (maybe nothing)."""
        data = self._tail + chunk if self._tail else chunk
        clean = self._scrubber.clean(data)
        self.found = self.found or clean is not data
        keep = self._scrubber.held(clean)
        self._tail = clean[len(clean) - keep :] if keep else b""
        return clean[: len(clean) - keep] if keep else clean

    def finish(self) -> bytes:
        """The tail, which did not become a secret."""
        tail, self._tail = self._tail, b""
        return tail
