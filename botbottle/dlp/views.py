"""The views of one surface: what was undone in it, scanned as surfaces of their own."""

from __future__ import annotations

from functools import partial

from botbottle.dlp.gathered import Gathered, Place
from botbottle.dlp.tools import Origin, Sink

_GATHER = 64 * 1024  # bytes scanned together


class Views:
    """One surface, and what is gathered from it until it is scanned."""

    def __init__(
        self, message: Sink, view: memoryview, location: str, depth: int, origin: Origin
    ) -> None:
        self._message = message
        self._view = view
        self._location = location
        self._depth = depth + 1
        self._origin = origin
        self._gathered: dict[str, Gathered] = {}

    def _place(self, start: int, end: int) -> Place:
        return partial(self._origin, start, end)

    def _scan(self, data: bytes, layer: str, place: Place) -> None:
        self._message.surface(
            data, f"{self._location}>{layer}", depth=self._depth, origin=lambda _s, _e: place()
        )

    def _gather(self, layer: str, data: bytes, place: Place) -> None:
        gathered = self._gathered.setdefault(layer, Gathered())
        gathered.add(data, place)
        if len(gathered.data) >= _GATHER:
            self._flush(layer, self._gathered.pop(layer))

    def _flush(self, layer: str, gathered: Gathered) -> None:
        self._message.surface(
            bytes(gathered.data), f"{self._location}>{layer}", depth=self._depth,
            origin=gathered.place,
        )  # fmt: skip
