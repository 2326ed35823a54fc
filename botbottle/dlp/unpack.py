"""Compressed data in one surface, wherever it begins, scanned as surfaces of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

from botbottle.dlp import escapes, inflate, spelled, triggers
from botbottle.dlp.findings import Verdict
from botbottle.dlp.gathered import Gathered, Place
from botbottle.dlp.tools import Origin, Sink
from botbottle.dlp.views import Views

SHORT = 4096  # decoded runs up to this size are gathered
MANY = 512  # beginnings of compressed data looked into per surface
_STRETCH = 64 * 1024  # bytes from such a beginning in a stretch
_PIXELS = re.compile(rb"(?:IDAT|fdAT.{4}|stream\r?\n)\Z", re.DOTALL)  # what is in front of them


class Packed(Views):
    """What is packed in one surface."""

    def __init__(
        self, message: Sink, view: memoryview, location: str, depth: int, origin: Origin
    ) -> None:
        super().__init__(message, view, location, depth, origin)
        self._begun: set[int] = set()  # where streams begin that were opened
        self._copy = location.rpartition(">")[2] in escapes.NAMES

    def _beginning(self, end: int) -> int:
        """Where the compressed data begins whose beginning ends at ``end``."""
        starts = (end - length for length in triggers.PACKED_LENGTHS)
        heads = (at for at in starts if inflate.compressed(bytes(self._view[at : at + 8])))
        return next(heads, end)

    def _inflate_each(self, starts: Iterable[int]) -> None:
        """Streams behind others were opened together with them, and are no more beginnings."""
        count = 0
        for start in starts:
            kind = inflate.compressed(bytes(self._view[start : start + 8]))
            if not kind or start in self._begun:
                continue
            if count == MANY:
                self._message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
                return
            count += 1
            if self._message.late(self._location):
                return
            self._inflate(kind, start, self._place(start, start + 4))

    def _inflate(self, kind: str, start: int, place: Place) -> None:
        plain = self._inflated(kind, self._view, start, self._begun)
        if plain:
            self._scan(plain, kind, place)

    def _inflated(
        self, kind: str, view: memoryview, start: int = 0, begun: set[int] | None = None
    ) -> bytes:
        try:
            return inflate.inflate(kind, view, self._message.budget, start, begun, copy=self._copy)
        except inflate.Unreadable:
            self._message.bound(Verdict.SUPERVISE, "undecodable", self._location)
            return b""

    def _inflate_spelled(self, ends: Sequence[int]) -> None:
        """Compressed data that is written as text."""
        for end in ends[:MANY]:
            if self._message.late(self._location):
                return
            begun = spelled.beginning(bytes(self._view[max(0, end - spelled.LONGEST) : end]))
            start = end - len(begun)
            text = bytes(self._view[start : start + spelled.WINDOW])
            for kind, data in spelled.packed(text, begun):
                plain = self._inflated(kind, memoryview(data))
                if plain:
                    self._scan(plain, kind, self._place(start, end))
        if len(ends) > MANY:
            self._message.bound(Verdict.SUPERVISE, "limit.runs", self._location)

    def _unzip(self, first: int) -> None:
        for member in inflate.unzip(self._view, first, self._message.budget):
            if self._message.late(self._location):
                return
            if member.unreadable:
                self._message.bound(Verdict.SUPERVISE, "undecodable", self._location)
            self._gather("zip", member.data, self._place(member.start, member.start + 4))

    def _packed(self, data: bytes, layer: str, origin: Origin) -> None:
        """Compressed data that begins anywhere in a decoded stretch."""
        hits, overflow = self._message.scanner.packed.find(data, MANY)
        if overflow:
            self._message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
        for index, end in hits:
            start = end - triggers.PACKED[index][0]
            kind = inflate.compressed(data[start : start + 8])
            if not kind:
                continue
            stretch = memoryview(data)[start : start + _STRETCH]
            pixels = _PIXELS.search(data, max(0, start - 8), start)
            plain = (self._pixels if pixels else self._inflated)(kind, stretch)
            if plain:
                name = f"{layer}>{kind}"
                self._gathered.setdefault(name, Gathered()).add(plain, partial(origin, start, end))

    def _pixels(self, kind: str, stretch: memoryview) -> bytes:
        """The beginning of what an image holds. Runs by themselves that are images are left out."""
        budget = self._message.budget
        lent = budget.lend()
        most = lent.left
        data = inflate.inflate(kind, stretch, lent)[:most] if most else b""
        budget.back(lent, len(data))
        return data

    def _short(self, layer: str, plain: bytes, place: Place) -> None:
        """What a short run held, in thousands of which each may be compressed."""
        if len(plain) > SHORT or inflate.compressed(plain[:8]) or plain[:2] == b"PK":
            self._scan(plain, layer, place)
        elif plain:
            self._gather(layer, plain, place)
