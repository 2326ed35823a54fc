"""Naive detection of prompt injection in what comes back: two lists of phrases and a distance.

A *disclosure* phrase ("reveal your system prompt") within 500 characters of a *jailbreak* phrase
("ignore all previous instructions") blocks; either alone warns. The pair rule is precise and
weak: it fires on no benign text we measured, and on about one public attack in twenty. It is a
tripwire, not a defence; the bottle is the defence.

Cost is bounded whatever the text: phrase hits come from one engine pass, the closest pair from
sorting both lists and merging them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from botbottle.dlp.compiled import AUTO, matcher
from botbottle.dlp.engines.base import Candidates, Expression, Matcher
from botbottle.dlp.engines.linear import program
from botbottle.dlp.findings import Finding, Verdict, fingerprint
from botbottle.dlp.phrases import DISCLOSURE, HEURISTICS, JAILBREAK
from botbottle.dlp.sse import delta_texts

RULE = "naive_injection_detection"
LOCATION = "response body"
GAP = 500  # characters between the two phrases
EVENTS = 4096  # phrase hits looked at at once; of more, the pairs are looked for around each phrase
LONGEST = 256  # bytes of the longest phrase

# The lists of phrases that are looked for, by "is it a jailbreak's".
Lists = tuple[bool, ...]
BOTH: Lists = (False, True)
_LISTS = {False: DISCLOSURE, True: JAILBREAK}

_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x034F, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
     *range(0xFE00, 0xFE10), 0xFEFF, *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0)]
)  # fmt: skip
# As JSON may write any character; of control characters and halves of pairs nothing is made.
_ESCAPED = re.compile(rb"\\u((?!00[01]|[dD][89a-fA-F])[0-9A-Fa-f]{4})")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase in the text: its span in bytes of the normalised text."""

    start: int
    end: int
    jailbreak: bool


def normalise(text: bytes) -> bytes:
    """NFKC without invisible characters and JSON's escapes; ASCII without these is returned as it
    is, without a copy."""
    if b"\\u" in text:
        text = _ESCAPED.sub(lambda m: chr(int(m[1], 16)).encode(), text)
    if text.isascii():
        return text
    decoded = text.decode("utf-8", "replace").translate(_INVISIBLE)
    return unicodedata.normalize("NFKC", decoded).encode("utf-8", "replace")


def phrases(text: bytes, engine: str = AUTO) -> list[Phrase]:
    """All phrases of both lists, by start; each place once per list."""
    return _spans(text, find(text, engine).hits)


def find(text: bytes, engine: str, lists: Lists = BOTH) -> Candidates:
    """Where phrases of ``lists`` end, at most ``EVENTS``."""
    return _compiled(engine, lists).find(text, EVENTS)


def _spans(text: bytes, hits: Iterable[tuple[int, int]], lists: Lists = BOTH) -> list[Phrase]:
    found: dict[tuple[int, bool], Phrase] = {}
    patterns = [(pattern, kind) for kind in lists for pattern in _LISTS[kind]]
    for index, end in hits:
        low = max(0, end - LONGEST)
        pattern, jailbreak = patterns[index]
        match = _covering(pattern, text[low : end + LONGEST], end - low)
        if match is not None:
            phrase = Phrase(low + match[0], low + match[1], jailbreak)
            found.setdefault((phrase.start, jailbreak), phrase)
    return sorted(found.values(), key=lambda phrase: phrase.start)


def characters(text: bytes, found: Sequence[Phrase]) -> list[Phrase]:
    """The phrases with spans in characters; ``found`` is sorted by start."""
    if text.isascii():
        return list(found)
    out: list[Phrase] = []
    at = count = 0
    for phrase in found:
        count += len(text[at : phrase.start].decode("utf-8", "replace"))
        size = len(text[phrase.start : phrase.end].decode("utf-8", "replace"))
        out.append(Phrase(count, count + size, phrase.jailbreak))
        at = phrase.start
    return out


def closest(found: Sequence[Phrase]) -> tuple[Phrase, Phrase] | None:
    """The nearest disclosure/jailbreak pair, the earlier phrase first; None without a pair.

    ``found`` is sorted by start, so the nearest partner of a phrase is its neighbour of the other
    kind: one pass over the merged list.
    """
    best: tuple[Phrase, Phrase] | None = None
    last: dict[bool, Phrase] = {}
    for phrase in found:
        other = last.get(not phrase.jailbreak)
        if other is not None and (best is None or _gap(other, phrase) < _gap(*best)):
            best = (other, phrase)
        last[phrase.jailbreak] = phrase
    return best


def scan_text(
    text: bytes, key: bytes, *, wide: bool = False, engine: str = AUTO
) -> tuple[Finding, ...]:
    """Findings in a response body; streamed text deltas are joined and scanned as well."""
    return worst(judge(part, key, wide, engine) for part in (text, *delta_texts(text)))


def worst(results: Iterable[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """The findings that weigh most."""
    return max(results, key=_severity, default=())


def _severity(findings: tuple[Finding, ...]) -> int:
    return 2 if any(f.verdict is Verdict.BLOCK for f in findings) else int(bool(findings))


def judge(text: bytes, key: bytes, wide: bool, engine: str = AUTO) -> tuple[Finding, ...]:
    """The one finding of a text: the closest pair, else the first phrase, else a heuristic."""
    text = normalise(text)
    hits, more = find(text, engine)
    found = _spans(text, hits)
    earlier = _near(text, found) or (_among_many(text, found, engine) if more else None)
    if earlier is not None:
        return (_finding(Verdict.BLOCK, RULE, text, earlier, key),)
    if found:
        return (_finding(Verdict.WARN, RULE, text, found[0], key),)
    return _heuristics(text, key, engine) if wide else ()


def _near(text: bytes, found: Sequence[Phrase]) -> Phrase | None:
    """The earlier phrase of the closest pair, if that is close enough."""
    in_characters = characters(text, found)
    pair = closest(in_characters)
    if pair is None or _gap(*pair) > GAP:
        return None
    return found[in_characters.index(pair[0])]


def _among_many(text: bytes, found: Sequence[Phrase], engine: str) -> Phrase | None:
    """The same where more phrases end than are looked at: around each of the list that has fewer.
    A text that has too many of both is full of attacks, whatever the distance."""
    for kind in BOTH:
        hits, more = find(text, engine, (kind,))
        if not more:
            parts = (_around(phrase, text, engine) for phrase in _spans(text, hits, (kind,)))
            return next(filter(None, parts), None)
    return next(iter(found), None)


def _around(phrase: Phrase, text: bytes, engine: str) -> Phrase | None:
    """The earlier phrase of a close pair in what may be near ``phrase``, up to four bytes a
    character."""
    low = max(0, phrase.start - 4 * GAP - LONGEST)
    part = text[low : phrase.end + 4 * GAP + LONGEST]
    near = _near(part, phrases(part, engine))
    return near and replace(near, start=near.start + low, end=near.end + low)


def _heuristics(text: bytes, key: bytes, engine: str) -> tuple[Finding, ...]:
    for index, end in _wide(engine).find(text, 64).hits:
        low = max(0, end - LONGEST)
        pattern = HEURISTICS[index]
        match = _covering(pattern, text[low : end + LONGEST], end - low)
        if match is not None:
            phrase = Phrase(low + match[0], low + match[1], True)
            return (_finding(Verdict.WARN, "injection_heuristics", text, phrase, key),)
    return ()


def _gap(first: Phrase, second: Phrase) -> int:
    return max(0, second.start - first.end)


def _finding(verdict: Verdict, rule: str, text: bytes, phrase: Phrase, key: bytes) -> Finding:
    mark = fingerprint(key, text[phrase.start : phrase.end].lower())
    return Finding(verdict, rule, LOCATION, phrase.start, phrase.end - phrase.start, mark)


def _covering(pattern: str, window: bytes, at: int) -> tuple[int, int] | None:
    for match in program("(?i)" + pattern).finditer(window):
        if match.start() < at <= match.end():
            return match.start(), match.end()
        if match.start() >= at:
            break
    return None


def _expressions(patterns: Sequence[str]) -> list[Expression]:
    return [Expression(p.encode(), caseless=True) for p in patterns]


@lru_cache(maxsize=8)
def _compiled(engine: str, lists: Lists) -> Matcher:
    return matcher(_expressions([p for kind in lists for p in _LISTS[kind]]), engine)


@lru_cache(maxsize=4)
def _wide(engine: str) -> Matcher:
    return matcher(_expressions(HEURISTICS), engine)
