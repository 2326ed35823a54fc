"""The engine without a hyperscan wheel: Aho-Corasick over each expression's literals.

20-40 MB/s instead of ~1 GB/s, so the body cap is smaller (see ``settings.FALLBACK_BODY``). A hit
is the end of a literal, not of a match; the confirm stage looks around it. Expressions without
literals run through RE2 directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ahocorasick_rs
import re2

from botbottle.dlp.engines.base import Buffer, Candidates, Expression


class FallbackMatcher:
    """Literal automaton plus single RE2 programs; both are immutable, hence thread-safe."""

    exact = False

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._owners: list[int] = []
        words: list[bytes] = []
        for index, expression in enumerate(expressions):
            for literal in expression.literals:
                words.append(literal.lower())
                self._owners.append(index)
        self._words = words
        self._once = frozenset(i for i, e in enumerate(expressions) if e.once)
        self._automaton: Any = ahocorasick_rs.BytesAhoCorasick(words) if words else None
        self._plain = [(i, _program(e)) for i, e in enumerate(expressions) if not e.literals]

    def find(self, surface: Buffer, limit: int) -> Candidates:
        """Candidate ends, sorted; ``overflow`` once ``limit`` hits were seen."""
        data = bytes(surface)
        hits = self._literal_hits(data, limit)
        for index, program in self._plain:
            for match in program.finditer(data):
                hits.append((index, match.end()))
                if index in self._once or len(hits) > limit:
                    break
        hits.sort(key=lambda hit: hit[1])
        return Candidates(hits[:limit], overflow=len(hits) > limit)

    def _literal_hits(self, data: bytes, limit: int) -> list[tuple[int, int]]:
        if self._automaton is None:
            return []
        found = self._automaton.find_matches_as_indexes(data.lower(), overlapping=True)
        hits: list[tuple[int, int]] = []
        seen: set[int] = set()
        for word, _start, end in found:
            owner = self._owners[word]
            if owner in self._once:
                if owner in seen:
                    continue
                seen.add(owner)
            hits.append((owner, end))
            if len(hits) > limit:
                break
        return hits


def _program(expression: Expression) -> Any:
    prefix = b"(?si)" if expression.caseless else b"(?s)"
    return re2.compile(prefix + expression.regex)
