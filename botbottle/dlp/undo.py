"""Everything that can be undone in one surface, scanned as surfaces of their own.

Cheap triggers (found in the same pass as the held secrets) say which views are worth making.
Short decoded runs are gathered and scanned together, so that a body of ten thousand Base64 words
costs a few scans, not ten thousand.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from botbottle.dlp import escapes, inflate, runs, triggers
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict

if TYPE_CHECKING:
    from botbottle.dlp.message import Message, Origin

Span = tuple[int, int]

_HIGH_ENTROPY = 4.5
_GATHER = 64 * 1024  # bytes scanned together
_SHORT = 4096  # decoded runs up to this size are gathered
_ESCAPE = 64  # bytes; no escape that fires a trigger is longer
_CLOCK = 32  # runs between looks at the clock, which costs a system call
_GZIPS = 8  # gzip members looked into per surface


class Gathered:
    """Decoded runs of one layer, joined, with where each came from."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._places: list[Span] = []
        self.data = bytearray()

    def add(self, data: bytes, place: Span) -> None:
        """Append one run's bytes."""
        self._starts.append(len(self.data))
        self._places.append(place)
        self.data += data
        self.data += b"\n"

    def place(self, start: int, _end: int) -> Span:
        """The run that byte ``start`` of the joined bytes was decoded from."""
        return self._places[bisect_right(self._starts, start) - 1]


class Undo:
    """The views of one surface."""

    def __init__(
        self, message: Message, view: memoryview, location: str, depth: int, origin: Origin
    ) -> None:
        self._message = message
        self._view = view
        self._location = location
        self._depth = depth + 1
        self._origin = origin
        self._gathered: dict[str, Gathered] = {}

    def all(self, fired: dict[int, list[int]]) -> None:
        """Make and scan every view that a trigger asks for."""
        if fired:
            self._triggered(fired)
        kind = inflate.compressed(bytes(self._view[:8]))
        if kind and kind != "gzip":
            self._inflate(kind, bytes(self._view), self._place(0, len(self._view)))
        if self._message.budget.exceeded:
            self._message.bound(Verdict.BLOCK, "limit.decoded", self._location)

    def _triggered(self, fired: dict[int, list[int]]) -> None:
        view = self._view
        for index in sorted(fired):
            if index == triggers.RUN_TRIGGER:
                self._runs(fired[index][0] - runs.RUN)
            elif index == triggers.SHORT_TRIGGER:
                for begin, end in runs.short_spans(self._view, fired[index]):
                    self._decode(bytes(view[begin:end]), self._place(begin, end))
            elif index == triggers.GZIP_TRIGGER:
                for end in fired[index][:_GZIPS]:
                    self._inflate("gzip", bytes(view[end - 3 :]), self._place(end - 3, end))
            elif index == triggers.ZIP_TRIGGER:
                for member in inflate.unzip(bytes(view), self._message.budget):
                    self._scan(member, "zip", self._place(0, len(view)))
            else:
                self._unescape(index, fired[index][0])
        for layer, gathered in self._gathered.items():
            self._flush(layer, gathered)

    def _place(self, start: int, end: int) -> Span:
        return self._origin(start, end)

    def _scan(self, data: bytes, layer: str, place: Span) -> None:
        self._message.surface(
            data, f"{self._location}>{layer}", depth=self._depth, origin=lambda _s, _e: place
        )

    def _unescape(self, index: int, first: int) -> None:
        """Undo one kind of escape around its occurrences; everywhere when they are many.

        ``first``: the end of the first occurrence.
        """
        view, skipped = self._view, max(0, first - _ESCAPE)
        hits, overflow = self._message.scanner.triggers[index].find(view[skipped:], escapes.MANY)
        ends = None if overflow else [end + skipped for _, end in hits]
        for low, high in escapes.windows(ends, len(view)):
            if self._message.late(self._location):
                return
            window = bytes(view[low:high])
            name, undone = escapes.unescape(index, window)
            if undone != window and self._message.budget.take(len(undone)):
                self._scan(undone, name, self._place(low, high))

    def _inflate(self, kind: str, data: bytes, place: Span) -> None:
        plain = inflate.inflate(kind, data, self._message.budget)
        if plain:
            self._scan(plain, kind, place)

    def _runs(self, first: int) -> None:
        message, count = self._message, 0
        for start, end in runs.spans(self._view, message.scanner.runs, first):
            run = bytes(self._view[start:end])
            if not runs.worth(run):
                continue
            count += 1
            late = count % _CLOCK == 0 and message.late(self._location)
            if late or count > message.scanner.limits.runs:
                message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
                return
            place = self._place(start, end)
            if message.entropy and shannon(run[:256]) >= _HIGH_ENTROPY:
                message.add(Verdict.WARN, "entropy.high", self._location, place, run)
            self._decode(run, place)

    def _decode(self, run: bytes, place: Span) -> None:
        for layer, data in runs.decode_run(run, self._message.budget):
            if len(data) > _SHORT or inflate.compressed(data[:8]) or data[:2] == b"PK":
                self._scan(data, layer, place)
                continue
            gathered = self._gathered.setdefault(layer, Gathered())
            gathered.add(data, place)
            if len(gathered.data) >= _GATHER:
                self._flush(layer, self._gathered.pop(layer))

    def _flush(self, layer: str, gathered: Gathered) -> None:
        self._message.surface(
            bytes(gathered.data), f"{self._location}>{layer}", depth=self._depth,
            origin=gathered.place,
        )  # fmt: skip
