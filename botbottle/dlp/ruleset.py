"""From rules to one compiled database, and from an engine hit back to a secret's exact span.

Context rules with the same value shape share one engine expression (``(?i:kw1|kw2)...value``), and
so do rules that name the same one: fewer automata. The confirm stage then runs RE2 in a small
window around the hit, checks boundaries, entropy, placeholders and checksums, and yields spans.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from botbottle.dlp.boundary import EDGE, in_base64, left_ok, right_ok
from botbottle.dlp.engines.base import Expression
from botbottle.dlp.engines.linear import program, secret_group
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict
from botbottle.dlp.placeholders import is_placeholder
from botbottle.dlp.rules.model import (
    Check,
    Context,
    Extend,
    Glance,
    Judge,
    Rule,
    context_expression,
)

_CONTEXT_BEFORE, _CONTEXT_AFTER = 400, 400
_CREDENTIAL = re.compile(
    rb"key|token|secret|pass|pwd|auth|cred|api|id\b|pat\b|sid|access|bearer|_sk|_pk|client|licen[sc]e|"
    rb"private|webhook|login|user",
    re.IGNORECASE,
)
_SHORT_WORD = 4  # letters
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A confirmed secret: absolute span in the surface, the rule and its verdict."""

    rule: str
    verdict: Verdict
    start: int
    end: int
    secret: bytes


@dataclass(slots=True)
class Work:
    """Regexes that may still run on one surface, one that reads far ahead counting for several;
    ``refused``: one more was asked for."""

    left: int
    refused: bool = False

    def take(self, ahead: int) -> bool:
        """Whether a regex that reads ``ahead`` bytes behind its hit may run."""
        self.refused = self.left <= 0
        self.left -= 1 + ahead // 2048
        return not self.refused


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

    def program(self) -> Any:
        """The RE2 program that confirms."""
        return program(self.pattern)


class RuleSet:
    """An immutable set of rules: engine expressions and their confirm stage, index by index."""

    def __init__(self, rules: Iterable[Rule | Context]) -> None:
        self.targets: list[Target] = []
        self._asking: dict[str, list[int]] = {}  # by expression: the targets it stands for
        groups: dict[tuple[str, float, Verdict, Check | None], list[Context]] = {}
        for rule in rules:
            if isinstance(rule, Rule):
                self._add(rule.expressions, _rule_target(rule))
            else:
                key = (rule.value, rule.entropy, rule.verdict, rule.check)
                groups.setdefault(key, []).append(rule)
        for group in groups.values():
            expression = context_expression(_words(group), group[0].value)
            self._add((expression,), _group_target(group))
        self._owners = list(self._asking.values())

    def _add(self, expressions: Iterable[str], target: Target) -> None:
        for expression in expressions:
            self._asking.setdefault(expression, []).append(len(self.targets))
        self.targets.append(target)

    @cached_property
    def expressions(self) -> list[Expression]:
        """What the engine looks for, by number."""
        return [
            Expression(text.encode("latin-1"), self._literals(targets))
            for text, targets in self._asking.items()
        ]

    def _literals(self, targets: Iterable[int]) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(word for t in targets for word in self.targets[t].literals))

    @property
    def digest(self) -> str:
        """Content hash of everything the engine compiles."""
        parts = ((e.regex, *e.literals, b"") for e in self.expressions)
        return hashlib.sha256(b"\0".join(b"\0".join(part) for part in parts)).hexdigest()[:32]

    def tiers(
        self, hits: Iterable[tuple[int, int]]
    ) -> Iterator[tuple[Verdict, list[tuple[int, int]]]]:
        """(target, end) for engine hits (expression, end), by the target's verdict, strongest
        first: a check or a judge only weakens it, so nothing that is confirmed in a tier is
        stronger than the tier."""
        parts: dict[Verdict, list[tuple[int, int]]] = {verdict: [] for verdict in Verdict}
        for number, end in hits:
            for target in self._owners[number]:
                parts[self.targets[target].verdict].append((target, end))
        return ((verdict, part) for verdict, part in parts.items() if part)

    def confirm(
        self, surface: memoryview, hits: Sequence[tuple[int, int]], work: Work
    ) -> Iterator[Hit]:
        """Confirmed secrets for hits (target, end), each span once; stops when ``work`` is used up.

        Rules take turns, so that a flood of candidates of one hides nothing that another finds.
        Per target the search resumes behind what earlier hits settled, so that a flood of
        hits costs linear time.
        """
        done: dict[int, int] = {}
        for index, end in _by_turns(hits, work.left):
            settled = done.get(index, 0)
            if end <= settled:
                continue
            glance = self.targets[index].glance
            nothing = glance(surface, end) if glance is not None else None
            if nothing is not None:
                done[index] = max(settled, nothing)
                continue
            if not work.take(self.targets[index].after):
                return
            for hit, reach in self._around(surface, index, end, settled):
                done[index] = max(done.get(index, 0), reach)
                if hit is not None:
                    yield hit

    def _around(
        self, surface: memoryview, index: int, end: int, settled: int
    ) -> Iterator[tuple[Hit | None, int]]:
        target = self.targets[index]
        low = max(0, max(end - target.before, settled) - EDGE)
        window = bytes(surface[low : end + target.after])
        relative = end - low
        # A match that begins at or after the hit belongs to a later hit.
        for match in target.program().finditer(window, max(0, settled - low)):
            if match.start() >= relative:
                break
            if match.end() < relative:
                yield None, low + match.end()
                continue
            hit = _accept(target, window, match, low)
            if hit is not None and target.extend is not None:
                last = target.extend(surface, hit.end)
                hit = replace(hit, end=last, secret=bytes(surface[hit.start : last]))
            yield hit, max(low + match.end(), hit.end) if hit is not None else settled


def _by_turns(hits: Sequence[tuple[int, int]], most: int) -> Iterable[tuple[int, int]]:
    """The hits in an order in which rules with few come first; each rule's own order stays."""
    if len(hits) <= most:
        return hits
    count = Counter(target for target, _ in hits)
    return sorted(hits, key=lambda hit: count[hit[0]])


def _accept(target: Target, window: bytes, match: Any, low: int) -> Hit | None:
    start, end = match.span(secret_group(target.pattern))
    if start < 0 or start == end:
        return None
    if target.left and not left_ok(window, start):
        return _behind_escape(target, window, start, low)
    if target.right and not right_ok(window, end):
        return None
    if target.apart and in_base64(window, start, end):
        return None
    if target.keywords and not _named(target, window, match, start):
        return None
    secret = window[start:end]
    verdict = _weighed(target, _lead(window, match.start(), start), secret)
    if verdict is None:
        return None
    if window[:start].endswith(_DIGESTS):
        verdict = Verdict.WARN
    return Hit(_name(target, match), verdict, low + start, low + end, secret)


def _behind_escape(target: Target, window: bytes, start: int, low: int) -> Hit | None:
    """The same, where the pattern took an escape's digits for its own (``\\u2192123:AA...``)."""
    if window[max(0, start - 2) : start] != b"\\u":
        return None
    match = target.program().match(window, start + 4)
    return _accept(target, window, match, low) if match else None


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


def _rule_target(rule: Rule) -> Target:
    literals = tuple(word.encode() for word in rule.literals)
    return Target(
        rule.id, literals, rule.pattern, (), rule.verdict, rule.entropy, rule.left, rule.right,
        rule.before, rule.after, rule.check, rule.judge, rule.placeholders, rule.glance, rule.apart,
        rule.extend,
    )  # fmt: skip


def _group_target(group: Sequence[Context]) -> Target:
    first = group[0]
    merged = Context(first.id, _words(group), first.value, "", first.entropy)
    names = [(_literal(word), rule.id) for rule in group for word in rule.keywords]
    names.sort(key=lambda pair: -len(pair[0]))
    return Target(
        first.id, tuple(map(_literal, merged.keywords)), merged.pattern(), tuple(names),
        first.verdict, first.entropy, False, True, _CONTEXT_BEFORE, _CONTEXT_AFTER, first.check,
        None, True,
    )  # fmt: skip


def _words(group: Sequence[Context]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for rule in group for word in rule.keywords))


@cache
def _literal(word: str) -> bytes:
    """The longest plain piece of a keyword regex, for literal prefilters and naming."""
    return max(_NO_LITERAL.split(word), key=len).lower().encode()
