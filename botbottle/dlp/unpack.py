"""Compressed data in one surface, wherever it begins, scanned as surfaces of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from botbottle.dlp import dense, escapes, inflate, spelled, triggers
from botbottle.dlp.findings import Verdict
from botbottle.dlp.gathered import Gathered, Place
from botbottle.dlp.tools import Origin, Sink, Span
from botbottle.dlp.views import Views

SHORT = 4096  # decoded runs up to this size are gathered
MANY = 512  # beginnings of compressed data looked into per surface
_STRETCH = 64 * 1024  # bytes from such a beginning in a stretch, where two bytes are all that tell
_ARCHIVE = 1024 * 1024  # the same where more do
_HEAD = 512  # bytes that are looked at before more is decoded
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
            for data in spelled.undone(text, begun):
                kind = inflate.compressed(data[:8])
                plain = self._inflated(kind, memoryview(data)) if kind else b""
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

    def _packed(self, stretch: dense.Stretch) -> None:
        """Compressed data that begins anywhere in a stretch, whatever is in front of it."""
        archives: set[tuple[str, int]] = set()  # one shows all members behind it
        for found in stretch.packed(MANY):
            if found is None:
                self._message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
                continue
            packed, place = found[0], partial(self._there, found[1])
            before, data = packed.data(_HEAD)
            if data.startswith(b"PK") and (packed.layer, packed.alignment) not in archives:
                archives.add((packed.layer, packed.alignment))
                self._archive(packed, place)
            elif kind := inflate.compressed(data[:8]):
                self._opened(packed, kind, before, data, place)

    def _there(self, found: Callable[[], Span]) -> Span:
        low, length = found()
        return self._origin(low, low + length)

    def _archive(self, packed: dense.Packed, place: Place) -> None:
        _, data = packed.data(_ARCHIVE)
        if self._message.budget.read(len(data)):
            self._scan(data, packed.layer, place)

    def _opened(
        self, packed: dense.Packed, kind: str, before: bytes, data: bytes, place: Place
    ) -> None:
        """Most of what looks like zlib is none: its first bytes tell, before more is decoded."""
        budget = self._message.budget
        if kind == "zlib" and not inflate.begins(data):
            budget.begin()
            budget.read(_HEAD)
            return
        _, whole = packed.data(_STRETCH if kind == "zlib" else _ARCHIVE)
        pixels = _PIXELS.search(before)
        plain = (self._pixels if pixels else self._inflated)(kind, memoryview(whole))
        if plain and budget.read(len(whole)):
            name = f"{packed.layer}>{kind}"
            self._gathered.setdefault(name, Gathered()).add(plain, place)

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
