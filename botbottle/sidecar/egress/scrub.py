"""Remove echoes of real credentials from what comes back, at streaming speed.

A response is searched chunk by chunk with the scanners' engine (``bytes.find`` is fast on
ordinary data, but two orders of magnitude slower on data that an attacker picks); only a tail
that could be the start of a secret is held back until the next chunk decides. A found secret is
overwritten with ``*`` of the same length, so that Content-Length and framing stay true. Texts
shorter than MINIMUM would hit by accident and are not searched for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression

MINIMUM = 8  # bytes


def _literal(needle: bytes) -> Expression:
    return Expression(re.escape(needle), literals=(needle.lower(),), once=True)


class Scrubber:
    """The texts to remove. Holds secrets: no repr beyond their number."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        found = {text for text in texts if len(text) >= MINIMUM}
        self._needles = tuple(sorted(found, key=len, reverse=True))
        self._longest = max((len(n) for n in self._needles), default=1)
        self._matcher = matcher([_literal(n) for n in self._needles]) if found else None
        self._beginning: dict[int, list[bytes]] = {}  # first byte → texts
        for needle in self._needles:
            self._beginning.setdefault(needle[0], []).append(needle)
        first = re.escape(bytes(sorted(self._beginning)))
        self._first = re.compile(b"[%b]" % first if first else b"(?!)")
        self._alphabet = bytes(sorted({byte for needle in found for byte in needle}))

    def __repr__(self) -> str:
        return f"Scrubber({len(self._needles)} texts)"

    def searches(self, texts: Iterable[bytes]) -> bool:
        """Whether this scrubber looks for exactly these texts."""
        return set(self._needles) == {text for text in texts if len(text) >= MINIMUM}

    def joined(self, other: Scrubber) -> Scrubber:
        """One that looks for the texts of both."""
        return (
            self if self.searches(other._needles) else Scrubber((*self._needles, *other._needles))
        )

    def __bool__(self) -> bool:
        return bool(self._needles)

    def hits(self, data: bytes) -> bool:
        """Whether a whole secret is in ``data``."""
        return self._candidates(data) and any(needle in data for needle in self._needles)

    def _candidates(self, data: bytes) -> bool:
        return self._matcher is not None and bool(self._matcher.find(data, 1).hits)

    def clean(self, data: bytes) -> bytes:
        """``data`` with every whole secret overwritten."""
        if self._candidates(data):
            for needle in self._needles:
                data = data.replace(needle, b"*" * len(needle))
        return data

    def held(self, data: bytes) -> int:
        """Length of the longest tail of ``data`` that could become a secret."""
        window = data[1 - self._longest :] if self._longest > 1 else b""
        start = len(data) - (len(window) - len(window.rstrip(self._alphabet)))
        if start == len(data):
            return 0  # the last byte is in no secret
        for found in self._first.finditer(data, start):
            tail = data[found.start() :]
            if any(len(n) > len(tail) and n.startswith(tail) for n in self._beginning[tail[0]]):
                return len(tail)
        return 0

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
