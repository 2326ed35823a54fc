"""The engine without a hyperscan wheel: Aho-Corasick over each expression's literals, then RE2.

20-40 MB/s instead of ~1 GB/s, so the body cap is smaller (see ``settings.FALLBACK_BODY``). The
automaton says which expressions can match at all and where; RE2 then looks in a window around
each literal, or, where a literal is frequent, once over everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import ahocorasick_rs

from botbottle.dlp.engines.base import Buffer, Candidates, Expression
from botbottle.dlp.engines.linear import program

_FREQUENT = 48  # literal hits from which one pass over everything is cheaper
_BEFORE, _AFTER = 700, 700


class FallbackMatcher:
    """A literal automaton plus one RE2 program an expression; immutable, hence thread-safe."""

    def __init__(self, expressions: Iterable[Expression]) -> None:
        self._expressions = tuple(expressions)
        pairs = [(w.lower(), i) for i, e in enumerate(self._expressions) for w in e.literals]
        self._owners = [index for _, index in pairs]
        words = [word for word, _ in pairs]
        self._automaton: Any = ahocorasick_rs.BytesAhoCorasick(words) if words else None
        self._always = [i for i, e in enumerate(self._expressions) if not e.literals]

    def find(self, surface: Buffer, limit: int) -> Candidates:
        """Match ends, sorted; ``overflow`` once ``limit`` of them were seen."""
        data = bytes(surface)
        hits: list[tuple[int, int]] = []
        for hit in self._hits(data):
            hits.append(hit)
            if len(hits) >= limit:
                hits.sort(key=lambda found: found[1])
                return Candidates(hits, overflow=True)
        hits.sort(key=lambda found: found[1])
        return Candidates(hits)

    def _hits(self, data: bytes) -> Iterator[tuple[int, int]]:
        for index, places in self._places(data).items():
            if self._expressions[index].plain:
                yield from ((index, end) for end in places)
            else:
                yield from self._matches(index, data, places)
        for index in self._always:
            yield from self._matches(index, data, None)

    def _places(self, data: bytes) -> dict[int, list[int]]:
        places: dict[int, list[int]] = {}
        if self._automaton is not None:
            lowered = data.lower()
            for word, _, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True):
                places.setdefault(self._owners[word], []).append(end)
        return places

    def _matches(
        self, index: int, data: bytes, places: list[int] | None
    ) -> Iterator[tuple[int, int]]:
        expression = self._expressions[index]
        pattern = ("(?i)" if expression.caseless else "") + expression.regex.decode("latin-1")
        windows = [(0, len(data))] if places is None or len(places) > _FREQUENT else _around(places)
        for low, high in windows:
            for match in program(pattern).finditer(data[low:high]):
                yield index, low + match.end()
                if expression.once:
                    return


def _around(places: Sequence[int]) -> list[tuple[int, int]]:
    """Windows around literal ends, overlapping ones merged."""
    windows: list[tuple[int, int]] = []
    for end in sorted(places):
        low, high = max(0, end - _BEFORE), end + _AFTER
        if windows and low <= windows[-1][1]:
            windows[-1] = (windows[-1][0], high)
        else:
            windows.append((low, high))
    return windows
