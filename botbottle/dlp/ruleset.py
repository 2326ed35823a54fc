"""From rules to one compiled database, and from an engine hit back to a secret's exact span.

Context rules with the same value shape share one engine expression (``(?i:kw1|kw2)...value``), and
so do rules that name the same one: fewer automata. What a hit proves is for ``confirm`` to say.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from botbottle.dlp import wrapped
from botbottle.dlp.boundary import EDGE
from botbottle.dlp.confirm import Hit, Target, accept, group_target, rule_target, words_of
from botbottle.dlp.engines.base import Expression
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.model import Check, Context, Rule, context_expression

_OPEN, _LONGEST = 200, 16 * 1024  # bytes of a token that may go on, and in all
_TAIL = re.compile(rb"[A-Za-z0-9_\-+/=.~]*+")


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


class RuleSet:
    """An immutable set of rules: engine expressions and their confirm stage, index by index."""

    def __init__(self, rules: Iterable[Rule | Context]) -> None:
        self.targets: list[Target] = []
        self._asking: dict[str, list[int]] = {}  # by expression: the targets it stands for
        groups: dict[tuple[str, float, Verdict, Check | None], list[Context]] = {}
        for rule in rules:
            if isinstance(rule, Rule):
                self._add(rule.expressions, rule_target(rule))
            else:
                key = (rule.value, rule.entropy, rule.verdict, rule.check)
                groups.setdefault(key, []).append(rule)
        for group in groups.values():
            expression = context_expression(words_of(group), group[0].value)
            self._add((expression,), group_target(group))
        self._owners = list(self._asking.values())

    def _add(self, expressions: Iterable[str], target: Target) -> None:
        for expression in expressions:
            self._asking.setdefault(expression, []).append(len(self.targets))
        self.targets.append(target)

    @property
    def expressions(self) -> list[Expression]:
        """What the engine looks for, by number."""
        return [Expression(regex, literals) for regex, literals in self._looked_for()]

    def _looked_for(self) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
        for text, targets in self._asking.items():
            yield text.encode("latin-1"), self._literals(targets)
        yield from wrapped.expressions(self.targets)

    def parted(
        self, hits: Sequence[tuple[int, int]]
    ) -> tuple[Sequence[tuple[int, int]], list[int]]:
        """The hits of rules, and the ends of lines that may cut a token."""
        rules = len(self._owners)
        lines = [end for number, end in hits if number >= rules]
        return ([hit for hit in hits if hit[0] < rules] if lines else hits), lines

    def _literals(self, targets: Sequence[int]) -> tuple[bytes, ...]:
        if len(targets) == 1:
            return self.targets[targets[0]].literals
        return tuple(dict.fromkeys(word for t in targets for word in self.targets[t].literals))

    @property
    def digest(self) -> str:
        """Content hash of everything the engine compiles."""
        parts = ((regex, *literals, b"") for regex, literals in self._looked_for())
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
            hit = accept(target, window, match, low)
            if hit is not None and (target.extend or hit.end - hit.start >= _OPEN):
                last = (target.extend or to_end)(surface, hit.end)
                hit = replace(hit, end=last, secret=bytes(surface[hit.start : last]))
            yield hit, max(low + match.end(), hit.end) if hit is not None else settled


def to_end(surface: memoryview, end: int) -> int:
    """Where a long token ends of which a window or a pattern's bound has shown the beginning."""
    match = _TAIL.match(surface, end, end + _LONGEST)
    return end + len(match[0].rstrip(b".")) if match else end


def _by_turns(hits: Sequence[tuple[int, int]], most: int) -> Iterable[tuple[int, int]]:
    """The hits in an order in which rules with few come first; each rule's own order stays."""
    if len(hits) <= most:
        return hits
    count = Counter(target for target, _ in hits)
    return sorted(hits, key=lambda hit: count[hit[0]])
