"""Small decoded parts that are scanned together: each scan costs as much as a kilobyte."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from botbottle.dlp.tools import Span

Place = Callable[[], Span]  # worked out only where something is found


class Gathered:
    """Decoded runs of one layer, joined, with where each came from."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._places: list[Place] = []
        self.data = bytearray()

    def add(self, data: bytes, place: Place) -> None:
        """Append one run's bytes."""
        self._starts.append(len(self.data))
        self._places.append(place)
        self.data += data
        self.data += b"\n"

    def place(self, start: int, _end: int) -> Span:
        """The run that byte ``start`` of the joined bytes was decoded from."""
        return self._places[bisect_right(self._starts, start) - 1]()
