"""Secrets sent in pieces: coverage per secret, within a message and across messages.

The memory holds no secret bytes, only which byte ranges of which secret were seen, per scope
(bottle and host). It is bounded in scopes and in time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from botbottle.dlp.known.measure import KnownHit

Coverage = dict[tuple[str, int], int]  # (secret, segment) -> bit mask of the bytes seen


@dataclass(slots=True)
class _Seen:
    at: float
    coverage: Coverage = field(default_factory=dict)


def merge(coverage: Coverage, hits: Iterable[KnownHit]) -> list[KnownHit]:
    """Add the runs to ``coverage``; returns the hits that completed a leak."""
    completed: list[KnownHit] = []
    for hit in hits:
        key = (hit.name, hit.segment)
        low, high = hit.covered
        mask = coverage.get(key, 0) | (((1 << (high - low)) - 1) << low)
        coverage[key] = mask
        if mask.bit_count() >= hit.enough:
            completed.append(hit)
    return completed


class FragmentMemory:
    """What of which secret already left, per scope. Thread-safe; least recent scopes go first."""

    def __init__(self, scopes: int = 256, seconds: float = 3600.0) -> None:
        self._scopes = scopes
        self._seconds = seconds
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, scope: str, hits: Iterable[KnownHit], now: float) -> list[KnownHit]:
        """Record fragments seen at ``now`` (seconds); returns those that completed a leak."""
        with self._lock:
            seen = self._seen.pop(scope, None)
            if seen is None or now - seen.at > self._seconds:
                seen = _Seen(now)
            seen.at = now
            self._seen[scope] = seen
            while len(self._seen) > self._scopes:
                self._seen.popitem(last=False)
            return merge(seen.coverage, hits)

    def forget(self) -> None:
        """Drop everything (the secrets changed)."""
        with self._lock:
            self._seen.clear()

    def __len__(self) -> int:
        return len(self._seen)
