"""What confirms a rule's candidate: its regex in a small window around the engine's hit, then
boundaries, names, entropy, placeholders and checksums.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from botbottle.dlp.boundary import in_base64, in_url_base64, left_ok, right_ok
from botbottle.dlp.engines.linear import program, secret_group
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict
from botbottle.dlp.identified import identifies
from botbottle.dlp.placeholders import is_placeholder
from botbottle.dlp.rules.model import Check, Context, Extend, Glance, Judge, Rule

_CONTEXT_BEFORE, _CONTEXT_AFTER = 400, 400
_CREDENTIAL = re.compile(
    rb"key|token|secret|pass|pwd|auth|cred|api|id\b|pat\b|sid|access|bearer|_sk|_pk|client|licen[sc]e|"
    rb"private|webhook|login|user",
    re.IGNORECASE,
)
_SHORT_WORD = 4  # letters
_ESCAPES = b"nrtbf"
_ESCAPED = re.compile(rb"\\+[nrt\"]")
_ENDED = ("jwt", "slack.")  # begin the names of rules whose secrets no escape is within
_BRIEF = 5  # bytes of a prefix that a megabyte of Base64 holds by chance
_OWN_PROOF = ("key.", "jwt")  # begin the names of rules whose secrets prove what they are
_NO_LITERAL = re.compile(r"\[[^\]]*\]\??|\\?\.")  # in a keyword: a class, a dot
_COLOUR = re.compile(rb"^\d{0,3}[mK]")  # the end of an ANSI sequence in front of a name
_NAME_TAIL = re.compile(rb"[\w.\- +/]*$")
_DIGESTS = (
    b"sha256=",
    b"sha256-",
    b"sha256:",
    b"sha512-",
    b"sha512=",
    b"sha1-",
    b"sha1=",
    b"md5=",
    b"sha384-",
)
# MD5, SHA-1, SHA-256, SHA-384 and SHA-512 in hex, and the same in Base64: a token with a prefix of
# its own is neither.
_DIGEST = re.compile(
    rb"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}"
    rb"|[A-Za-z0-9+/]{22}(?:==)?|[A-Za-z0-9+/]{27}=?|[A-Za-z0-9+/]{43}=?|[A-Za-z0-9+/]{64}"
    rb"|[A-Za-z0-9+/]{86}(?:==)?"
)
_LISTED = re.compile(rb"[A-Za-z0-9_\-]{43}")  # a digest as wheels list their files


@dataclass(frozen=True, slots=True)
class Hit:
    """A confirmed secret: absolute span in the surface, the rule and its verdict."""

    rule: str
    verdict: Verdict
    start: int
    end: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """How one engine expression is confirmed."""

    name: str
    literals: tuple[bytes, ...]
    pattern: str
    keywords: tuple[tuple[bytes, str], ...]  # context groups: keyword -> rule id
    verdict: Verdict
    entropy: float
    left: bool
    right: bool
    before: int
    after: int
    check: Check | None
    judge: Judge | None
    placeholders: bool
    glance: Glance | None = None
    apart: bool = False
    extend: Extend | None = None

    @property
    def brief(self) -> bool:
        """Whether nothing but a short prefix tells."""
        short = bool(self.literals) and min(map(len, self.literals)) <= _BRIEF
        return short and not self.keywords and not self.name.startswith(_OWN_PROOF)

    def program(self) -> Any:
        """The RE2 program that confirms."""
        return program(self.pattern)


def accept(target: Target, window: bytes, match: Any, low: int) -> Hit | None:
    """The secret that a match in a window holds; ``low``: where the window begins."""
    start, end = match.span(secret_group(target.pattern))
    if start < 0 or start == end:
        return None
    if window[start - 1 : start] == b"\\" and window[start] in _ESCAPES:
        later = target.program().match(window, start + 1)  # the first letter is the escape's
        if later:
            return accept(target, window, later, low)
    if target.name.startswith(_ENDED):
        end = start + len(_ESCAPED.split(window[start:end], 1)[0])
    end = _unescaped(window, start, end)
    if target.left and not left_ok(window, start):
        return _behind_escape(target, window, start, low)
    if target.right and not right_ok(window, end):
        return None
    if target.apart and in_base64(window, start, end):
        return None
    if target.brief and in_url_base64(window, start, end):
        return None
    if target.keywords and not _named(target, window, match, start):
        return None
    secret = window[start:end]
    lead = _lead(window, match.start(), start)
    verdict = _weighed(target, lead, secret)
    if verdict is None:
        return None
    if target.keywords and identifies(lead):
        verdict = Verdict.WARN
    named = target.keywords or target.verdict is not Verdict.TOKEN  # nothing but a name tells
    if named and window[:start].endswith(_DIGESTS) and _DIGEST.fullmatch(secret):
        verdict = Verdict.WARN
    if target.brief and window[:start].endswith(b",sha256=") and _LISTED.fullmatch(secret):
        verdict = Verdict.WARN
    return Hit(_name(target, match), verdict, low + start, low + end, secret)


def _unescaped(window: bytes, start: int, end: int) -> int:
    """A backslash at the end escapes what follows, as a rule the quote that ends the text: cut with
    the secret it would leave a bare quote."""
    return start + len(window[start:end].rstrip(b"\\"))


def _behind_escape(target: Target, window: bytes, start: int, low: int) -> Hit | None:
    """The same, where the pattern took an escape's digits for its own (``\\u2192123:AA...``)."""
    if window[max(0, start - 2) : start] != b"\\u":
        return None
    match = target.program().match(window, start + 4)
    return accept(target, window, match, low) if match else None


def _whole_word(target: Target, window: bytes, start: int) -> bool:
    """A short keyword ("fly") is no part of another word: random letters hold it now and then."""
    if left_ok(window, start) or window[start - 1 : start] == b"_":
        return True
    if window[start : start + 1].isupper() and window[start - 1 : start].islower():
        return True
    text = window[start : start + _SHORT_WORD].lower()
    return not any(
        len(word) <= _SHORT_WORD and text.startswith(word) for word, _ in target.keywords
    )


def _lead(window: bytes, low: int, high: int) -> bytes:
    """What stands in front of the secret, the whole of its key included."""
    before = window[max(0, low - 24) : low]
    match = _NAME_TAIL.search(before)
    at = match.start() if match else len(before)
    name = before[at:]
    if before[max(0, at - 1) : at] in (b"[", b";"):
        name = _COLOUR.sub(b"", name)
    return name + window[low:high]


def _named(target: Target, window: bytes, match: Any, start: int) -> bool:
    """The key in front of a context's value says that the value is a credential."""
    lead = window[match.start() : start]
    return _CREDENTIAL.search(lead) is not None and _whole_word(target, window, match.start())


def _weighed(target: Target, lead: bytes, secret: bytes) -> Verdict | None:
    """The rule's verdict; WARN for a documentation value in a token's shape; None for prose."""
    if target.placeholders and is_placeholder(secret):
        return Verdict.WARN
    if target.entropy and shannon(secret) < target.entropy:
        return None if target.keywords or target.left else Verdict.WARN
    if target.judge is not None:
        return target.judge(lead, secret)
    answer = target.check is None or target.check(secret)
    if isinstance(answer, Verdict):
        return answer
    return target.verdict if answer else None


def _name(target: Target, match: Any) -> str:
    if not target.keywords:
        return target.name
    text = match.group(0).lower()
    for keyword, rule_id in target.keywords:
        if text.startswith(keyword):
            return rule_id
    return target.name


def rule_target(rule: Rule) -> Target:
    """How a rule's own expressions are confirmed."""
    literals = tuple(word.encode() for word in rule.literals)
    return Target(
        rule.id, literals, rule.pattern, (), rule.verdict, rule.entropy, rule.left, rule.right,
        rule.before, rule.after, rule.check, rule.judge, rule.placeholders, rule.glance, rule.apart,
        rule.extend,
    )  # fmt: skip


def group_target(group: Sequence[Context]) -> Target:
    """The same of contexts that share one shape of value, and hence one expression."""
    first = group[0]
    merged = Context(first.id, words_of(group), first.value, "", first.entropy)
    names = [(literal(word), rule.id) for rule in group for word in rule.keywords]
    names.sort(key=lambda pair: -len(pair[0]))
    return Target(
        first.id, tuple(map(literal, merged.keywords)), merged.pattern(), tuple(names),
        first.verdict, first.entropy, False, True, _CONTEXT_BEFORE, _CONTEXT_AFTER, first.check,
        None, True,
    )  # fmt: skip


def words_of(group: Sequence[Context]) -> tuple[str, ...]:
    """The keywords of contexts, each once."""
    return tuple(dict.fromkeys(word for rule in group for word in rule.keywords))


@cache
def literal(word: str) -> bytes:
    """The longest plain piece of a keyword regex, for literal prefilters and naming."""
    return max(_NO_LITERAL.split(word), key=len).lower().encode()
