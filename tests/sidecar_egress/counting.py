"""Counts what a sidecar does in each turn of its event loop: in turns, not in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.sidecar_egress.inside import Inside


class Ticks:
    """Counts what is done in each turn of a sidecar's event loop."""

    def __init__(self, inside: Inside) -> None:
        self.now, self.done, self._on = 0, Counter[int](), True
        self._loop = inside._loop
        self._loop.call_soon_threadsafe(self._tick)

    def _tick(self) -> None:
        self.now += 1
        if self._on:
            self._loop.call_soon(self._tick)

    def stop(self) -> None:
        self._on = False

    def did(self, *_: object) -> None:
        self.done[self.now] += 1

    @property
    def most(self) -> int:
        return max(self.done.values(), default=0)


@contextmanager
def counting(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, kind: type, name: str
) -> Iterator[Ticks]:
    """Count calls of a method."""
    ticks, original = Ticks(inside), getattr(kind, name)

    def counted(*args: Any, **more: Any) -> Any:
        ticks.did()
        return original(*args, **more)

    monkeypatch.setattr(kind, name, counted)
    try:
        yield ticks
    finally:
        ticks.stop()
