"""The pass for held secrets of a large surface, on another core beside the pass for rules.

That pass is the shorter one, so what follows from its triggers is looked for there too: where the
escapes and the long runs are that the one place they reported stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from botbottle.dlp import escapes, runs
from botbottle.dlp.engines.base import Candidates
from botbottle.dlp.tools import Tools
from botbottle.dlp.triggers import ESCAPES, KINDS, RUN_TRIGGER

_PARALLEL = 256 * 1024  # smaller surfaces are not worth a hand-over to another thread
_ESCAPE = 64  # bytes; no escape that fires a trigger is longer
_RUNS = 256  # ends of runs looked for ahead

type Further = Mapping[int, Candidates]

NOTHING: Further = MappingProxyType({})


class Found(NamedTuple):
    """``hits`` of held secrets and triggers; ``further``: by trigger, ends of all its places (in
    the surface from :func:`skipped` on), where they were looked for already."""

    hits: Candidates
    further: Further = NOTHING


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="dlp")


def begin(scanner: Tools, view: memoryview) -> Callable[[], Found] | None:
    """The pass for a large surface, begun elsewhere, to be asked for when it is needed; None for
    a small one."""
    if len(view) < _PARALLEL:
        return None
    future = _pool().submit(_all, scanner, view)
    # Not begun when it is needed: the other core is busy, and waiting for it would be slower.
    return lambda: here(scanner, view) if future.cancel() else future.result()


def escaped(scanner: Tools, view: memoryview, trigger: int, first: int) -> Candidates:
    """Ends of the places of one escape, up to many, from :func:`skipped` on."""
    return scanner.triggers[trigger].find(view[skipped(first) :], escapes.MANY)


def skipped(first: int) -> int:
    """Where the search for an escape goes on whose first place ends at ``first``."""
    return max(0, first - _ESCAPE)


def here(scanner: Tools, view: memoryview) -> Found:
    """The pass in this thread, at once."""
    return Found(scanner.known.find(view, scanner.limits.events))


def _all(scanner: Tools, view: memoryview) -> Found:
    found = here(scanner, view)
    return Found(found.hits, dict(_further(scanner, view, found.hits)))


def _further(scanner: Tools, view: memoryview, found: Candidates) -> list[tuple[int, Candidates]]:
    ends: dict[int, int] = {}
    first = len(scanner.index.plain)
    for number, end in found.hits:
        if number >= first:
            ends.setdefault(KINDS[number - first], end)
    again = [(t, escaped(scanner, view, t, end)) for t, end in ends.items() if t < ESCAPES]
    if RUN_TRIGGER in ends:
        again.append((RUN_TRIGGER, scanner.runs.find(view[ends[RUN_TRIGGER] - runs.RUN :], _RUNS)))
    return again
