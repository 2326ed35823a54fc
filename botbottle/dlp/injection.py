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
from dataclasses import dataclass
from functools import lru_cache

from botbottle.dlp.compiled import AUTO, matcher
from botbottle.dlp.engines.base import Expression, Matcher
from botbottle.dlp.engines.linear import program
from botbottle.dlp.findings import Finding, Verdict, fingerprint
from botbottle.dlp.phrases import DISCLOSURE, HEURISTICS, JAILBREAK
from botbottle.dlp.sse import delta_texts

RULE = "naive_injection_detection"
LOCATION = "response body"
GAP = 500  # characters between the two phrases
EVENTS = 4096  # phrase hits looked at; more of them is itself suspicious
LONGEST = 256  # bytes of the longest phrase

_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x034F, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
     *range(0xFE00, 0xFE10), 0xFEFF, *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0)]
)  # fmt: skip
_ESCAPED = re.compile(rb"\\u00([2-7][0-9A-Fa-f])")  # as JSON may write any character


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase in the text: its span in bytes of the normalised text."""

    start: int
    end: int
    jailbreak: bool


def normalise(text: bytes) -> bytes:
    """NFKC without invisible characters and JSON's escapes of ASCII; ASCII without these is
    returned as it is, without a copy."""
    if b"\\u00" in text:
        text = _ESCAPED.sub(lambda m: bytes((int(m[1], 16),)), text)
    if text.isascii():
        return text
    decoded = text.decode("utf-8", "replace").translate(_INVISIBLE)
    return unicodedata.normalize("NFKC", decoded).encode("utf-8", "replace")


def phrases(text: bytes, engine: str = AUTO) -> list[Phrase]:
    """All phrases of both lists, by start; each place once per list."""
    compiled, patterns = _compiled(engine)
    found: dict[tuple[int, bool], Phrase] = {}
    for index, end in compiled.find(text, EVENTS).hits:
        low = max(0, end - LONGEST)
        match = _covering(patterns[index], text[low : end + LONGEST], end - low)
        if match is not None:
            jailbreak = index >= len(DISCLOSURE)
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
    found = phrases(text, engine)
    in_characters = characters(text, found)
    pair = closest(in_characters)
    if pair is not None and _gap(*pair) <= GAP:
        earlier = found[in_characters.index(pair[0])]
        return (_finding(Verdict.BLOCK, RULE, text, earlier, key),)
    if found:
        return (_finding(Verdict.WARN, RULE, text, found[0], key),)
    return _heuristics(text, key, engine) if wide else ()


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


@lru_cache(maxsize=4)
def _compiled(engine: str) -> tuple[Matcher, tuple[str, ...]]:
    patterns = (*DISCLOSURE, *JAILBREAK)
    return matcher(_expressions(patterns), engine), patterns


@lru_cache(maxsize=4)
def _wide(engine: str) -> Matcher:
    return matcher(_expressions(HEURISTICS), engine)
