"""From a literal's hit to what it proves: how much of which secret stands around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from botbottle.dlp.boundary import EDGE, left_ok, right_ok
from botbottle.dlp.findings import Verdict
from botbottle.dlp.known.grams import WINDOW
from botbottle.dlp.known.parts import Segment
from botbottle.dlp.known.squeeze import squeeze
from botbottle.dlp.known.variants import Variant

FRAGMENT = 8  # secret bytes; shorter runs are no evidence
_REACH = 512  # bytes on each side of a literal in which the rest of a split value is looked for
_NEAR = 2 * WINDOW  # bytes of a value on each side of one of its literals
SPLIT_TRIGGER = -1  # as an owner's offset: the literal is several equal chunks, not a gram


@dataclass(frozen=True, slots=True)
class KnownHit:
    """A run of a secret in the surface.

    ``covered``: (from, to) in bytes of the segment. ``complete`` says that the run is a leak of
    its own; otherwise it is a fragment that counts only together with others. ``enough``: bytes of
    the segment that make a leak.
    """

    name: str
    codec: str
    verdict: Verdict
    start: int
    end: int
    segment: int
    covered: tuple[int, int]
    complete: bool
    enough: int = WINDOW


@dataclass(frozen=True, slots=True)
class Entry:
    """One form of one segment. ``public``: leading bytes of the form that many values share."""

    name: str
    segment_id: int
    segment: Segment
    variant: Variant
    public: int
    verdict: Verdict
    bounded: bool = False

    def needed(self) -> int:
        """Bytes of the variant that make a leak: 16 secret bytes, or all of a shorter value."""
        if self.bounded or self.segment.whole:
            return len(self.variant.text)
        usable = len(self.variant.text) - self.public
        return max(1, min(usable, int(WINDOW * self.variant.unit) - 1))

    def piece(self) -> int:
        """Bytes of the variant that count together with others; rare forms count as a whole."""
        partial = self.variant.windows or self.variant.codec == "plain"
        if partial and not self.segment.whole:
            return max(FRAGMENT, int(FRAGMENT * self.variant.unit))
        return len(self.variant.text)

    def covered(self, low: int, high: int) -> tuple[int, int]:
        """The bytes of the segment that are in these of the variant."""
        unit, size = self.variant.unit, len(self.segment.text)
        if self.variant.backwards:
            low, high = int(size * unit) - high, int(size * unit) - low
        return math.ceil(low / unit), int(high / unit)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose literal it is; ``offset``: of the literal's end within the variant."""

    entry: Entry
    offset: int


def measure(surface: memoryview, owner: Owner, end: int) -> KnownHit | None:
    """What the literal that ends at ``end`` belongs to; None when it is a coincidence."""
    entry = owner.entry
    if owner.offset == SPLIT_TRIGGER:
        return _split(surface, owner, end)
    low, high = _run(surface, entry.variant, owner.offset, end)
    start = end - owner.offset
    if entry.bounded and not _bounded(surface, start + low, start + high):
        return None
    secret_from = max(low, entry.public)
    complete = high - secret_from >= entry.needed()
    codec = entry.variant.codec
    if not complete and codec == "plain" and not entry.segment.whole:
        joined = _split(surface, owner, end)
        if joined is not None:
            return joined
    if not complete and high - secret_from < entry.piece():
        return None
    return KnownHit(
        entry.name, codec, entry.verdict, start + low, start + high, entry.segment_id,
        entry.covered(secret_from, high), complete,
        min(WINDOW, len(entry.segment.text) - entry.segment.public),
    )  # fmt: skip


def _run(surface: memoryview, variant: Variant, offset: int, end: int) -> tuple[int, int]:
    """The longest run of the variant's text around the gram that ends at ``end``."""
    text = variant.text.lower() if variant.caseless else variant.text
    start = end - offset
    window = bytes(surface[max(0, start) : max(0, start + len(text))])
    window = window.lower() if variant.caseless else window
    if window == text:
        return 0, len(text)
    shift = max(0, -start)
    low = high = offset
    while low > shift and window[low - 1 - shift] == text[low - 1]:
        low -= 1
    while high < len(text) and high - shift < len(window) and window[high - shift] == text[high]:
        high += 1
    return low, high


def _split(surface: memoryview, owner: Owner, end: int) -> KnownHit | None:
    """Compare with the separators squeezed out of the neighbourhood.

    What the literal is a part of has to be around it, in the value as in the surface, so that a
    long value costs no more than a short one, however often its literals occur.
    """
    entry = owner.entry
    text = entry.segment.text
    span = min(8 * len(text), _REACH) + 64
    low, high = max(0, end - span), min(len(surface), end + span)
    window = squeeze(bytes(surface[low:high])).lower()
    part, at = _part(text, entry.segment.public, owner.offset)
    whole = squeeze(part).lower()
    size = max(FRAGMENT, WINDOW * len(whole) // max(1, len(part)))
    for begin in range(0, max(1, len(whole) - size + 1), 4):
        piece = whole[begin : begin + size]
        if len(piece) >= FRAGMENT and piece in window:
            return KnownHit(
                entry.name, "split", entry.verdict, low, high, entry.segment_id,
                (at + begin, at + begin + len(piece)), True,
            )  # fmt: skip
    return None


def _part(text: bytes, public: int, offset: int) -> tuple[bytes, int]:
    """The bytes of a value near the literal that ends at ``offset``, and how many precede them;
    equal chunks are of its beginning."""
    if offset == SPLIT_TRIGGER:
        offset = public + WINDOW
    low = max(public, offset - _NEAR)
    return text[low : offset + _NEAR], low


def _bounded(surface: memoryview, start: int, end: int) -> bool:
    window = bytes(surface[max(0, start - EDGE) : end + 1])
    at = min(EDGE, start)
    return left_ok(window, at) and right_ok(window, at + end - start)
