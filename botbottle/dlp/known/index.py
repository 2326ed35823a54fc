"""The compiled index of held secrets: which literals to look for and what a hit means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge

from botbottle.dlp.checks import mixed
from botbottle.dlp.engines.base import Expression
from botbottle.dlp.findings import Verdict
from botbottle.dlp.known.grams import grams, split_patterns
from botbottle.dlp.known.guess import weak
from botbottle.dlp.known.measure import FRAGMENT, SPLIT_TRIGGER, Entry, KnownHit, Owner, measure
from botbottle.dlp.known.parts import Segment, segments
from botbottle.dlp.known.squeeze import squeeze
from botbottle.dlp.known.variants import (
    Variant,
    backwards,
    base64_forms,
    coded_pieces,
    dumped,
    variants,
)

_LEAST = 4  # shorter values cannot be looked for at all
_COMMON = frozenset(
    b"true false none null yes no on off root admin user test prod dev main".split()
)

VariantSource = Callable[[bytes], Sequence[Variant]]


class Literals:
    """What to look for in one kind of surface, and who owns each literal.

    A hundred secrets have ten thousand literals, so few objects are kept for each: literals of one
    owner share the tuple that names it.
    """

    def __init__(self) -> None:
        self._numbers: tuple[dict[bytes, int], dict[bytes, int]] = ({}, {})  # by caselessness
        self._owners: list[tuple[Owner, ...]] = []
        self.longest = 0  # bytes of a literal

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, text: bytes, caseless: bool, owner: tuple[Owner]) -> None:
        """Look for ``text`` on behalf of ``owner``."""
        self.longest = max(self.longest, len(text))
        numbers = self._numbers[caseless]
        number = numbers.setdefault(text.lower() if caseless else text, len(self._owners))
        if number == len(self._owners):
            self._owners.append(owner)
        else:
            self._owners[number] += owner

    def taken(self) -> Iterator[Expression]:
        """One expression a literal, in the order of their numbers; only once, for they are
        forgotten: the compiled ones are enough, and compiling takes the memory."""
        plain, caseless = self._numbers
        for _, text, kind in merge(_numbered(plain, False), _numbered(caseless, True)):
            yield Expression(_regex(text), (text,), caseless=kind, plain=True)
        self._numbers = ({}, {})

    def confirm(self, surface: memoryview, hits: Sequence[tuple[int, int]]) -> Iterator[KnownHit]:
        """Runs of secrets around the literal hits; each place of a segment once."""
        done: dict[tuple[int, str], int] = {}
        for index, end in hits:
            for owner in self._owners[index] if index < len(self._owners) else ():
                key = (owner.entry.segment_id, owner.entry.variant.codec)
                if end <= done.get(key, -1):
                    continue
                hit = measure(surface, owner, end)
                if hit is not None:
                    done[key] = hit.end
                    yield hit


def _numbered(numbers: dict[bytes, int], caseless: bool) -> Iterator[tuple[int, bytes, bool]]:
    return ((number, text, caseless) for text, number in numbers.items())


class KnownIndex:
    """Immutable; built from the secrets' values, keeps them in memory and shows them nowhere.

    ``plain``: literals for surfaces as they are; ``squeezed``: for surfaces without separators.
    """

    def __init__(self, secrets: Mapping[str, bytes], source: VariantSource = variants) -> None:
        self.plain, self.squeezed = Literals(), Literals()
        self._source = source
        self._texts: list[bytes] = []
        self._values: list[bytes] = []
        for name, value in secrets.items():
            self._add(name, value)

    def __repr__(self) -> str:
        return f"KnownIndex({len(self.plain)} literals)"

    def text(self, segment: int) -> bytes:
        """A segment's value, for its fingerprint; never log it."""
        return self._texts[segment]

    def texts(self) -> Iterator[bytes]:
        """Every value, and every part of one that is looked for; for fingerprints, as above."""
        yield from self._values
        yield from self._texts

    def _add(self, name: str, value: bytes) -> None:
        self._values.append(value)
        for part in segments(value):
            if len(part.text) < _LEAST or part.text.lower() in _COMMON:
                continue
            self._texts.append(part.text)
            if part.whole:
                self._add_whole(name, part)
            elif part.word or weak(part.text):
                self._add_weak(name, part)
            else:
                self._add_strong(name, part)

    def _add_strong(self, name: str, part: Segment) -> None:
        number = len(self._texts) - 1
        for form, public in self._forms(part):
            if part.rare and form.windows:
                continue
            entry = Entry(name, number, part, form, public, Verdict.BLOCK)
            self._add_grams(self.plain, entry)
            if form.codec == "plain":
                owner = (Owner(entry, SPLIT_TRIGGER),)
                for text in split_patterns(part):
                    self.plain.add(text, True, owner)
        self._add_squeezed(name, part)
        secret = part.text[part.public :]
        for form in (*dumped(secret), *coded_pieces(secret)):
            self._add_grams(self.squeezed, Entry(name, number, part, form, 0, Verdict.BLOCK))

    def _add_squeezed(self, name: str, part: Segment) -> None:
        short = squeeze(part.text)
        if len(short) < FRAGMENT or part.rare:
            return
        form = Variant("split", short, len(short) / len(part.text), True, not part.whole)
        first = len(squeeze(part.text[: part.public]))
        public = 0 if part.whole else first
        entry = Entry(name, len(self._texts) - 1, part, form, public, Verdict.BLOCK)
        self._add_grams(self.squeezed, entry, first)

    def _forms(self, part: Segment) -> Iterator[tuple[Variant, int]]:
        """Each form with how much of its beginning is public. Backwards that would be its end, so
        there the public part is left out."""
        for form in self._source(part.text):
            if not (part.public and form.backwards):
                yield form, int(part.public * form.unit)
        if part.public:
            yield from ((form, 0) for form in backwards(part.text, part.public))

    def _add_grams(self, literals: Literals, entry: Entry, first: int | None = None) -> None:
        for gram in grams(entry.variant, entry.public if first is None else first):
            owner = Owner(entry, gram.offset + len(gram.text))
            literals.add(gram.text, gram.caseless, (owner,))

    def _add_whole(self, name: str, part: Segment) -> None:
        """Every form, and nothing of one that is less than all."""
        number = len(self._texts) - 1
        for each in self._source(part.text):
            form = replace(each, windows=False)
            entry = Entry(name, number, part, form, 0, Verdict.BLOCK)
            self._add_grams(self.plain, entry, int(part.public * form.unit))
        self._add_squeezed(name, part)

    def _add_weak(self, name: str, part: Segment) -> None:
        """Plain and Base64 of the whole value, between boundaries: no windows, no noise."""
        forms = [Variant("plain", part.text, 1.0), *base64_forms(part.text, "base64")]
        alone = mixed(part.text) and len(part.text) >= 6 and not part.word
        verdict = Verdict.BLOCK if alone else Verdict.WARN
        number = len(self._texts) - 1
        for form in forms:
            if len(form.text) >= _LEAST:
                entry = Entry(name, number, part, form, 0, verdict, form.codec == "plain")
                self.plain.add(form.text, False, (Owner(entry, len(form.text)),))


_ESCAPED = [
    bytes([c]) if chr(c).isascii() and chr(c).isalnum() else b"\\x%02x" % c for c in range(256)
]


def _regex(text: bytes) -> bytes:
    return b"".join(map(_ESCAPED.__getitem__, text))
