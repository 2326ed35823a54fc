"""The compiled index of held secrets: which literals to look for and what a hit means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from botbottle.dlp.boundary import left_ok, right_ok
from botbottle.dlp.checks import mixed
from botbottle.dlp.engines.base import Expression
from botbottle.dlp.findings import Verdict
from botbottle.dlp.known.grams import WINDOW, grams, split_patterns
from botbottle.dlp.known.parts import Segment, segments, weak
from botbottle.dlp.known.variants import Variant, base64_forms, variants

FRAGMENT = 8  # secret bytes; shorter runs are no evidence
_LEAST = 4  # shorter values cannot be looked for at all
_COMMON = frozenset(
    b"true false none null yes no on off root admin user test prod dev main".split()
)
_KEEP = bytes(c for c in range(256) if not (chr(c).isascii() and chr(c).isalnum()))

VariantSource = Callable[[bytes], Sequence[Variant]]


@dataclass(frozen=True, slots=True)
class KnownHit:
    """A run of a secret in the surface.

    ``covered``: (from, to) in bytes of the segment. ``complete`` says that the run is a leak of
    its own; otherwise it is a fragment that counts only together with others.
    """

    name: str
    codec: str
    verdict: Verdict
    start: int
    end: int
    segment: int
    covered: tuple[int, int]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    segment_id: int
    segment: Segment
    variant: Variant
    verdict: Verdict
    bounded: bool

    def needed(self) -> int:
        """Bytes of the variant that make a leak: 16 secret bytes, or all of a shorter value."""
        if self.bounded:
            return len(self.variant.text)
        usable = len(self.variant.text) - int(self.segment.public * self.variant.unit)
        return max(1, min(usable, int(WINDOW * self.variant.unit) - 1))


@dataclass(frozen=True, slots=True)
class _Owner:
    entry: _Entry
    offset: int  # of the literal's end within the variant; -1: a split trigger


class KnownIndex:
    """Immutable; built from the secrets' values, keeps them in memory and shows them nowhere."""

    def __init__(
        self, secrets: Mapping[str, bytes], canary: bytes | None, source: VariantSource = variants
    ) -> None:
        self.skipped: list[str] = []
        self._source = source
        self._owners: dict[tuple[bytes, bool], list[_Owner]] = {}
        self._texts: list[bytes] = []
        for name, value in secrets.items():
            self._add(name, value)
        if canary:
            self._add("canary", canary)
        self.expressions = [
            Expression(_regex(text), (text,), caseless=caseless, plain=True)
            for text, caseless in self._owners
        ]
        self._table = list(self._owners.values())

    def __repr__(self) -> str:
        return f"KnownIndex({len(self.expressions)} literals)"

    def text(self, segment: int) -> bytes:
        """A segment's value, for its fingerprint; never log it."""
        return self._texts[segment]

    def _add(self, name: str, value: bytes) -> None:
        parts = segments(value)
        if not any(len(part.text) >= _LEAST for part in parts):
            self.skipped.append(name)
        for part in parts:
            if len(part.text) < _LEAST or part.text.lower() in _COMMON:
                continue
            self._texts.append(part.text)
            if weak(part.text):
                self._add_weak(name, part)
            else:
                self._add_strong(name, part)

    def _add_strong(self, name: str, part: Segment) -> None:
        block, number = Verdict.BLOCK, len(self._texts) - 1
        forms = [*self._source(part.text), *_squeezed(part.text)]
        entries = [_Entry(name, number, part, form, block, False) for form in forms]
        for entry in entries:
            for gram in grams(entry.variant, part.public):
                owner = _Owner(entry, gram.offset + len(gram.text))
                self._own(gram.text, gram.caseless, owner)
        for text in split_patterns(part):
            self._own(text, True, _Owner(entries[0], -1))

    def _add_weak(self, name: str, part: Segment) -> None:
        """Plain and Base64 of the whole value, between boundaries: no windows, no noise."""
        forms = [Variant("plain", part.text, 1.0), *base64_forms(part.text, "base64")]
        verdict = Verdict.BLOCK if mixed(part.text) and len(part.text) >= 6 else Verdict.WARN
        number = len(self._texts) - 1
        for form in forms:
            if len(form.text) >= _LEAST:
                entry = _Entry(name, number, part, form, verdict, form.codec == "plain")
                self._own(form.text, False, _Owner(entry, len(form.text)))

    def _own(self, text: bytes, caseless: bool, owner: _Owner) -> None:
        key = (text.lower() if caseless else text, caseless)
        self._owners.setdefault(key, []).append(owner)

    def confirm(
        self, surface: memoryview, hits: Sequence[tuple[int, int]], *, squeezed: bool = False
    ) -> Iterator[KnownHit]:
        """Runs of secrets around the literal hits; each place of a segment once."""
        done: dict[tuple[int, str], int] = {}
        for index, end in hits:
            if index >= len(self._table):
                continue
            for owner in self._table[index]:
                key = (owner.entry.segment_id, owner.entry.variant.codec)
                if end <= done.get(key, -1):
                    continue
                hit = _measure(surface, owner, end, squeezed)
                if hit is not None:
                    done[key] = hit.end
                    yield hit


def squeeze(data: bytes) -> bytes:
    """Letters and digits only: what is left of a value split by quotes, blanks and operators."""
    if b"\\" in data:
        for escape in (b"\\n", b"\\r", b"\\t"):
            data = data.replace(escape, b"")
    return data.translate(None, _KEEP)


def squeeze_fast(data: bytes) -> bytes:
    """The same for whole surfaces; of the escapes only newlines are taken out."""
    return b"".join(data.split(b"\\n")).translate(None, _KEEP)  # split: faster than replace


def _squeezed(text: bytes) -> list[Variant]:
    short = squeeze(text)
    return [Variant("split", short, 1.0, caseless=True)] if 12 <= len(short) < len(text) else []


def _regex(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % c for c in text)


def _measure(surface: memoryview, owner: _Owner, end: int, squeezed: bool) -> KnownHit | None:
    entry = owner.entry
    if owner.offset < 0:
        return _split(surface, entry, end)
    if entry.variant.codec == "split" and not squeezed:
        return None
    low, high = _run(surface, entry.variant, owner.offset, end)
    start = end - owner.offset
    if entry.bounded and not _bounded(surface, start + low, start + high):
        return None
    unit = entry.variant.unit
    from_public = max(low, int(entry.segment.public * unit))
    complete = high - from_public >= entry.needed()
    if not complete and (entry.variant.codec != "plain" or high - from_public < FRAGMENT):
        return None
    if not complete:
        joined = _split(surface, entry, end)
        if joined is not None:
            return joined
    codec = "split" if squeezed else entry.variant.codec
    covered = (int(from_public / unit), int(high / unit))
    return KnownHit(
        entry.name, codec, entry.verdict, start + low, start + high, entry.segment_id, covered,
        complete,
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


def _split(surface: memoryview, entry: _Entry, end: int) -> KnownHit | None:
    """A trigger for equal chunks: compare with the separators squeezed out."""
    span = 8 * len(entry.segment.text) + 64
    low = max(0, end - span)
    window = squeeze(bytes(surface[low : end + span])).lower()
    whole = squeeze(entry.segment.text).lower()
    first = entry.segment.public
    for at in range(first, max(first + 1, len(whole) - WINDOW + 1), 4):
        piece = whole[at : at + WINDOW]
        if len(piece) >= 8 and piece in window:
            high = min(len(surface), end + span)
            return KnownHit(
                entry.name, "split", entry.verdict, low, high, entry.segment_id,
                (at, at + len(piece)), True,
            )  # fmt: skip
    return None


def _bounded(surface: memoryview, start: int, end: int) -> bool:
    window = bytes(surface[max(0, start - 12) : end + 1])
    at = min(12, start)
    return left_ok(window, at) and right_ok(window, at + end - start)
