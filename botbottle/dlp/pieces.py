"""The pass for held secrets of a large surface, piece by piece.

What a piece gives depends on the surface and the piece's number alone, so it does not matter who
looks at which piece, when, or whether twice. The pass for rules leaves time for more, so what
follows from the triggers is looked for in a piece as well: where the escapes and the long runs are
that the one place of each that was reported stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from botbottle.dlp import escapes
from botbottle.dlp.engines.base import Candidates
from botbottle.dlp.known.splits import LARGEST, Span, around, merged
from botbottle.dlp.runs import RUN, Ends, letters_end
from botbottle.dlp.tools import Tools
from botbottle.dlp.triggers import BESIDE, ESCAPES, KINDS, RUN_TRIGGER

SIZE = 128 * 1024
_LEAST = 64  # bytes that two pieces share; nothing that fires a trigger is longer
_RUNS = 32  # long runs looked for in one piece


class Further(NamedTuple):
    """``escapes``: by trigger, the ends of all its places, None where they are many; ``runs``: the
    pieces that have long runs; ``split``: the stretches that may hold a value in short pieces."""

    escapes: Mapping[int, list[int] | None] = MappingProxyType({})
    runs: Sequence[Ends] = ()
    split: Sequence[Span] = ()


class Found(NamedTuple):
    """``hits`` of held secrets and triggers, with ends in the whole surface."""

    hits: Candidates
    further: Further = Further()


class Cut:
    """How one surface is cut. ``count``: of its pieces; ``first``: the number of the first trigger.

    Of escapes that are many in one piece, and hence in all, the others need not tell: that is all
    that one piece knows of another.
    """

    def __init__(self, scanner: Tools, view: memoryview) -> None:
        self._scanner, self._view = scanner, view
        self.first = len(scanner.index.plain)  # the number of the first trigger
        self._shared = max(_LEAST, scanner.index.plain.longest)
        self._many: set[int] = set()
        small = self._shared * 4 <= SIZE  # else pieces would be looked at several times
        self._size = SIZE if small else max(1, len(view))
        self.count = max(1, -(-len(view) // self._size))

    def look(self, number: int) -> Found:
        """What is in one piece. A hit is in the piece in which it ends."""
        start = number * self._size
        stop = min(len(self._view), start + self._size)
        low = max(0, start - self._shared)
        hits, overflow = self._scanner.known.find(self._view[low:stop], self._scanner.limits.events)
        placed = [(index, low + end) for index, end in hits]
        fired: dict[int, int] = {}
        for index, end in placed:
            if index >= self.first:
                fired.setdefault(KINDS[index - self.first], end)
        kept = [hit for hit in placed if hit[1] > start]
        return Found(Candidates(kept, overflow), self._further(fired, start, stop))

    def _further(self, fired: dict[int, int], start: int, stop: int) -> Further:
        """A trigger that fires once may have done so in front of the piece, for what is in it."""
        found = {t: self._escaped(t, fired[t], start, stop) for t in fired if t < ESCAPES}
        run = fired.get(RUN_TRIGGER)
        long = () if run is None else (self._long(run - RUN, stop),)
        return Further(found, long, split(self._scanner, self._view, start, stop))

    def _escaped(self, trigger: int, first: int, start: int, stop: int) -> list[int] | None:
        if trigger in self._many:
            return None
        ends = escaped(self._scanner, self._view[:stop], trigger, first)
        if ends is None:
            self._many.add(trigger)
            return None
        return [end for end in ends if end > start]

    def _long(self, first: int, stop: int) -> Ends:
        """Of a run that is not very long only one end: every further letter of it is one, too."""
        ends: list[int] = []
        at = first
        while len(ends) < _RUNS:
            hits, _ = self._scanner.runs.find(self._view[at:stop], 1)
            if not hits:
                return Ends(ends, stop, False)
            ends.append(at + hits[0][1])
            at = letters_end(self._view, ends[-1])
        return Ends(ends, stop, True)


def escaped(scanner: Tools, view: memoryview, trigger: int, first: int) -> list[int] | None:
    """Ends of the places of one escape whose first place ends at ``first``; None: many."""
    low = max(0, first - _LEAST)
    hits, overflow = scanner.triggers[trigger].find(view[low:], escapes.MANY)
    return None if overflow else [low + end for _, end in hits]


def split(scanner: Tools, view: memoryview, start: int, stop: int) -> Sequence[Span]:
    """Where in the part from ``start`` to ``stop`` a value in short pieces may be."""
    if scanner.squeezed is None or len(view) > LARGEST:
        return ()
    low = max(0, start - _LEAST)
    return around(scanner.splits.find(view[low:stop]), low, stop, len(view))


def joined(found: Sequence[Found], limit: int, first: int) -> Found:
    """What all pieces give; of hits no more than ``limit``. ``first``: the number of the first
    trigger."""
    hits = _once([hit for one in found for hit in one.hits.hits], first)
    overflow = len(hits) >= limit or any(one.hits.overflow for one in found)
    ends: dict[int, list[int] | None] = {}
    for one in found:
        for trigger, more in one.further.escapes.items():
            before = ends.get(trigger, [])
            ends[trigger] = None if more is None or before is None else _few([*before, *more])
    long = [part for one in found for part in one.further.runs]
    stretches = tuple(merged(span for one in found for span in one.further.split))
    return Found(Candidates(hits[:limit], overflow), Further(ends, long, stretches))


def _once(hits: list[tuple[int, int]], first: int) -> list[tuple[int, int]]:
    """Triggers that fire once do so in each piece; one is enough, and many would use up the
    limit."""
    seen: set[int] = set()
    kept = []
    for index, end in hits:
        if index not in seen:
            kept.append((index, end))
        if index >= first and BESIDE[index - first].once:
            seen.add(index)
    return kept


def _few(ends: list[int]) -> list[int] | None:
    return ends if len(ends) < escapes.MANY else None
