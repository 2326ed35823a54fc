"""Remove echoes of real credentials from what comes back, at streaming speed.

A response is searched chunk by chunk with the scanners' engine (``bytes.find`` is fast on
ordinary data, but two orders of magnitude slower on data that an attacker picks); only a tail
that could be the start of a secret is held back until the next chunk decides. A found secret is
overwritten with ``*`` of the same length, so that Content-Length and framing stay true; so is one
that was cut short, from the beginning that tells it on. Texts shorter than MINIMUM would hit by
accident and are not searched for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression

MINIMUM = 8  # bytes
_FIRST = 3  # bytes by which the beginning of a text is looked for
_TELLING = 12  # bytes of a run that is looked for alone
_RUNS = re.compile(rb"[A-Za-z0-9]+")
_NOTHING: Mapping[bytes, int] = MappingProxyType({})


def _keys(texts: Iterable[bytes]) -> list[bytes]:
    """One of these is in each of the texts, in some case: forms of one secret have their longest
    run of letters and digits in common. The fewer there are, the faster is the engine."""
    found = (max(_RUNS.findall(text), key=len, default=b"") for text in texts)
    pairs = zip(found, texts, strict=True)
    return sorted({(run if len(run) >= _TELLING else text).lower() for run, text in pairs})


def _literal(key: bytes) -> Expression:
    regex = re.escape(key).replace(b"\0", rb"\x00")  # where one is, the engine sees an end
    return Expression(regex, literals=(key,), once=True, caseless=True)


def _shared(text: bytes, other: bytes | bytearray) -> int:
    """Bytes with which both begin."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(text), len(other)))


class Scrubber:
    """The texts to remove; ``cut``: of these also what is cut short, if it has so many bytes at
    least. Holds secrets: no repr beyond their number."""

    def __init__(self, texts: Iterable[bytes], cut: Mapping[bytes, int] = _NOTHING) -> None:
        self._cut = {text: least for text, least in cut.items() if MINIMUM <= least < len(text)}
        found = {text for text in (*texts, *self._cut) if len(text) >= MINIMUM}
        self._needles = tuple(sorted(found, key=len, reverse=True))
        self._longest = max((len(n) for n in self._needles), default=1)
        wanted = (*self._needles, *{text[:least] for text, least in self._cut.items()})
        self._matcher = matcher([_literal(key) for key in _keys(wanted)]) if found else None
        self._beginning: dict[bytes, list[bytes]] = {}  # the first bytes → texts
        for needle in self._needles:
            self._beginning.setdefault(needle[:_FIRST], []).append(needle)
        first = b"|".join(map(re.escape, sorted(self._beginning)))
        self._first = re.compile(first or b"(?!)")
        self._short = {head[:size] for head in self._beginning for size in range(1, _FIRST)}
        self._alphabet = bytes(sorted({byte for needle in found for byte in needle}))

    def __repr__(self) -> str:
        return f"Scrubber({len(self._needles)} texts)"

    def same(self, other: Scrubber) -> bool:
        """Whether both look for exactly the same."""
        return self._needles == other._needles and self._cut == other._cut

    def joined(self, other: Scrubber) -> Scrubber:
        """One that looks for the texts of both."""
        if self.same(other):
            return self
        return Scrubber((*self._needles, *other._needles), self._cut | other._cut)

    def __bool__(self) -> bool:
        return bool(self._needles)

    def hits(self, data: bytes) -> bool:
        """Whether a secret is in ``data``."""
        return self.clean(data) != data

    def candidates(self, data: bytes) -> bool:
        """Whether one may be in ``data``."""
        return self._matcher is not None and bool(self._matcher.find(data, 1).hits)

    def clean(self, data: bytes) -> bytes:
        """``data`` with every secret overwritten."""
        return self.without_cut(self.without_whole(data)) if self.candidates(data) else data

    def without_whole(self, data: bytes) -> bytes:
        """``data`` with every whole secret overwritten."""
        for needle in self._needles:
            data = data.replace(needle, b"*" * len(needle))
        return data

    def without_cut(self, data: bytes) -> bytes:
        """``data`` with every secret overwritten that ends too early."""
        out = bytearray(data)
        for text, least in self._cut.items():
            at = out.find(text[:least])
            while at >= 0:
                end = at + _shared(text, out[at : at + len(text)])
                out[at:end] = b"*" * (end - at)
                at = out.find(text[:least], end)
        return bytes(out)

    def held(self, data: bytes) -> int:
        """Length of the longest tail of ``data`` that could become a secret."""
        window = data[1 - self._longest :] if self._longest > 1 else b""
        start = len(data) - (len(window) - len(window.rstrip(self._alphabet)))
        if start == len(data):
            return 0  # the last byte is in no secret
        while found := self._first.search(data, start):
            tail, start = data[found.start() :], found.start() + 1
            texts = self._beginning[tail[:_FIRST]]
            if any(len(n) > len(tail) and n.startswith(tail) for n in texts):
                return len(tail)
        last = data[start:][1 - _FIRST :]
        return next((n for n in range(len(last), 0, -1) if last[-n:] in self._short), 0)

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
        scrubber = self._scrubber
        if not scrubber.candidates(data):
            return self._but_the_tail(data)
        clean = scrubber.without_whole(data)
        out = self._but_the_tail(clean)  # which may become a whole one: it is not cut short yet
        cut = scrubber.without_cut(out)
        self.found = self.found or clean != data or cut != out
        return cut

    def _but_the_tail(self, data: bytes) -> bytes:
        keep = self._scrubber.held(data)
        self._tail = data[len(data) - keep :] if keep else b""
        return data[: len(data) - keep] if keep else data

    def finish(self) -> bytes:
        """The tail, which did not become a whole secret."""
        tail, self._tail = self._tail, b""
        clean = self._scrubber.clean(tail)
        self.found = self.found or clean != tail
        return clean
