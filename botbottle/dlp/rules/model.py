"""What a token rule is, and the two ways to state one.

A :class:`Rule` is a value that can be recognised by its own shape (``ghp_`` + 36 characters).
A :class:`Context` is a value that only its neighbour gives away (``datadog_key = <32 hex>``).

Both are *JSON-aware*: a request body carries text inside JSON strings, often JSON inside JSON,
so a newline before a token reads ``\\n`` and a quote ``\\"``. Word boundaries in the regex would
fail there (``\\nghp_`` has no boundary before ``ghp_``). Rules therefore state no left boundary
in the pattern; :mod:`botbottle.dlp.boundary` decides it on the bytes, and knows escapes.

Patterns are RE2 syntax over bytes. Every pattern has one group, the secret itself, or none,
when the whole match is the secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.minimal import minimal

Check = Callable[[bytes], bool | Verdict]
Judge = Callable[[bytes, bytes], Verdict | None]
Glance = Callable[[memoryview, int], int | None]
Extend = Callable[[memoryview, int], int]

# Between a key and its value: the rest of the key, one assignment operator, quotes and escapes.
_GAP = r"[\w.\- \t\[\]\"'\\(){}$|?\x60]{0,40}"
_OPERATOR = r"[=:>,(]"
_SEP = r"(?:[\s'\"\x60\\=:>|(\[{]|\\[nrt]|u00[0-9a-fA-F]{2}){0,20}"
# In front of a token whose short prefix Base64 of images and programs is full of.
_APART = (
    r"(?:^\+?|(?:\n|\\n)\+|[^A-Za-z0-9_+]|\\[nrtbfv0ae]|%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}"
    r"|\\u[0-9A-Fa-f]{4}|[0-9;\[]m|\[K)"
)
_SEP_LOOSE = r"[\s'\"\x60\\=:>|(\[{nrtu0-9]{0,20}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A self-identifying token.

    ``literals``: lower-case strings, one of which is in every match (the fallback engine's
    prefilter). ``anchor``: the engine expression; derived from ``pattern`` by cutting the last
    repetition to its minimum, so that one token is one event. ``also``: further engine expressions,
    each with a literal of its own: an engine is far faster with two simple ones than with a choice.
    ``entropy``: least Shannon bits
    per byte of the secret. ``left``/``right``: the secret may not be glued to a word character
    on that side. ``before``/``after``: bytes around the event in which the pattern is confirmed.
    ``check`` gets the secret and has the last word (checksums, headers that must decode); it may
    answer with another verdict. ``judge`` gets what stands in front of the secret too. ``apart``:
    the engine looks for the boundary as well (dearer a byte, cheaper where prefixes abound).
    ``glance``: a cheap look at the surface around a hit's end; it gives the place up to which the
    rule's hits need no regex, None where one has to look. ``extend``: how far a secret reaches that
    the pattern takes only the beginning of.
    """

    id: str
    pattern: str
    literals: tuple[str, ...]
    source: str
    anchor: str = ""
    verdict: Verdict = Verdict.TOKEN
    entropy: float = 0.0
    left: bool = False
    right: bool = False
    before: int = 512
    after: int = 512
    check: Check | None = None
    judge: Judge | None = None
    placeholders: bool = True
    apart: bool = False
    also: tuple[str, ...] = ()
    glance: Glance | None = None
    extend: Extend | None = None

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions the engine runs to find candidates: one of them is in every match."""
        first = self.anchor or (_APART if self.apart else "") + minimal(self.pattern)
        return first, *self.also


@dataclass(frozen=True, slots=True)
class Context:
    """A value recognised by the key in front of it; ``keywords`` match in any case."""

    id: str
    keywords: tuple[str, ...]
    value: str
    source: str
    entropy: float = 3.0
    verdict: Verdict = Verdict.TOKEN
    check: Check | None = None

    def pattern(self) -> str:
        """Key, gap, operator, separators and the value as group 1."""
        return f"(?i:{_alternatives(self.keywords)}){_GAP}{_OPERATOR}{_SEP}({self.value})"


def context_expression(keywords: tuple[str, ...], value: str) -> str:
    """The engine expression shared by all contexts with the same value shape."""
    return f"(?i:{_alternatives(keywords)}){_GAP}{_OPERATOR}{_SEP_LOOSE}(?:{minimal(value)})"


def _alternatives(words: tuple[str, ...]) -> str:
    return "|".join(words)


def token(
    rule_id: str,
    pattern: str,
    *literals: str,
    source: str,
    entropy: float = 0.0,
    left: bool = False,
    right: bool = False,
    check: Check | None = None,
    judge: Judge | None = None,
    verdict: Verdict = Verdict.TOKEN,
    anchor: str = "",
    before: int = 512,
    after: int = 512,
    placeholders: bool = True,
    apart: bool = False,
    also: tuple[str, ...] = (),
    glance: Glance | None = None,
    extend: Extend | None = None,
) -> Rule:
    """A :class:`Rule` with the usual defaults."""
    return Rule(
        rule_id,
        pattern,
        tuple(word.lower() for word in literals),
        source,
        entropy=entropy,
        left=left,
        right=right,
        check=check,
        judge=judge,
        verdict=verdict,
        anchor=anchor,
        before=before,
        after=after,
        placeholders=placeholders,
        apart=apart,
        also=also,
        glance=glance,
        extend=extend,
    )


def context(
    rule_id: str,
    keywords: str,
    value: str,
    *,
    source: str,
    entropy: float = 3.0,
    verdict: Verdict = Verdict.TOKEN,
    check: Check | None = None,
) -> Context:
    """A :class:`Context`; ``keywords`` are separated by blanks."""
    return Context(rule_id, tuple(keywords.split()), value, source, entropy, verdict, check)
