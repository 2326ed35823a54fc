"""Everything that can be undone in one surface, scanned as surfaces of their own.

Cheap triggers (found in the same pass as the held secrets) say which views are worth making.
Short decoded runs are gathered and scanned together; where runs are close to each other, the whole
stretch is decoded instead (see ``dense``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice

from botbottle.dlp import dense, digits, escapes, inflate, pieces, runs, triggers, unpack
from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression, Matcher
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict
from botbottle.dlp.gathered import Place
from botbottle.dlp.tools import Origin, Sink, Span
from botbottle.dlp.unpack import SHORT, Packed

_HIGH_ENTROPY = 4.5
_MAGIC = 4  # bytes; without them nothing is opened twice
_CLOCK = 32  # runs between looks at the clock, which costs a system call
_BEGINNING = 16 * 1024  # bytes that are looked at for text in UTF-16
_WIDE = Expression(rb"(?:[\t\r\n -~]\x00){8}|(?:[\t\r\n -~]\x00\x00\x00){8}", (b"\0",), once=True)
_SHORT_RUNS = (triggers.SHORT_TRIGGER, triggers.BEGINNING_TRIGGER)
_NOTHING = pieces.Further()
_CROWD = 8  # runs that show that a stretch goes on


def _order(trigger: int) -> tuple[bool, int]:
    """What is compressed comes first: escapes in it are none."""
    return trigger != triggers.PACKED_TRIGGER, trigger


@cache
def _wide_matcher() -> Matcher:
    return matcher([_WIDE])


def plain(view: memoryview) -> bool:
    """Whether there is nothing to undo in a surface in which no trigger fires. So it is in most, of
    which a small one costs a tenth less without an object to find it out."""
    head = bytes(view[:_BEGINNING])
    return b"\0" not in head and inflate.compressed(head) != "zlib"


class Undo(Packed):
    """The views of one surface."""

    def __init__(
        self, message: Sink, view: memoryview, location: str, depth: int, origin: Origin,
        further: pieces.Further = _NOTHING,
    ) -> None:  # fmt: skip
        super().__init__(message, view, location, depth, origin)
        self._further = further
        layers = location.split(">")[1:]
        self._decoded = any(layer not in escapes.NAMES for layer in layers)  # not only a copy

    def all(self, fired: dict[int, list[int]]) -> None:
        """Make and scan every view that a trigger asks for."""
        if fired:
            self._triggered(fired)
        head = bytes(self._view[:_BEGINNING])
        if b"\0" in head and _wide_matcher().find(head, 1).hits:
            self._wide()
        kind = inflate.compressed(head)
        if kind == "zlib":  # triggers tell of the others
            self._inflate(kind, 0, self._place(0, len(self._view)))
        if self._message.budget.exceeded:
            self._message.bound(Verdict.BLOCK, "limit.decoded", self._location)

    def _triggered(self, fired: dict[int, list[int]]) -> None:
        view = self._view
        for index in sorted(fired, key=_order):
            if index == triggers.RUN_TRIGGER:
                self._runs(fired[index][0] - runs.RUN)
            elif index == triggers.SHORT_TRIGGER:
                self._short_runs(runs.short_spans(view, fired[index][: unpack.MANY]))
            elif index == triggers.BEGINNING_TRIGGER:
                self._short_runs(runs.begun_spans(view, fired[index][: unpack.MANY]))
            elif index == triggers.GZIP_TRIGGER:
                self._inflate_each(end - 3 for end in fired[index])
            elif index == triggers.PACKED_TRIGGER:
                self._inflate_each(map(self._beginning, fired[index]))
            elif index == triggers.ZIP_TRIGGER:
                self._unzip(fired[index][0] - 4)
            elif index == triggers.SPELLED_TRIGGER:
                self._inflate_spelled(fired[index])
            else:
                self._unescape(index, fired[index][0])
            if index in _SHORT_RUNS and len(fired[index]) > unpack.MANY:
                self._message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
        for layer, gathered in self._gathered.items():
            self._flush(layer, gathered)

    def _unescape(self, index: int, first: int) -> None:
        """Undo one kind of escape around its occurrences; everywhere when they are many.

        ``first``: the end of the first occurrence.
        """
        view, known = self._view, self._further.escapes
        if index in known:
            ends = known[index]
        else:
            ends = pieces.escaped(self._message.scanner, view, index, first)
        for low, high in escapes.windows(ends, len(view)):
            if self._message.late(self._location):
                return
            window = bytes(view[low:high])
            name, undone = escapes.unescape(index, window)
            if undone != window and self._message.budget.take(len(undone)):
                self._scan(undone, name, self._place(low, high))
                if name == "percent" and b"+" in window:  # a form writes blanks so
                    self._spaced(window, self._place(low, high))

    def _spaced(self, window: bytes, place: Place) -> None:
        undone = escapes.percent(window.replace(b"+", b" "))
        if self._message.budget.take(len(undone)):
            self._scan(undone, "form", place)

    def _wide(self) -> None:
        """What is ASCII in a text in UTF-16 or UTF-32: files of Windows, Base64 of PowerShell.

        A held secret is looked for in UTF-16 everywhere; here the beginning tells.
        """
        narrow = bytes(self._view).replace(b"\0", b"")
        if self._message.budget.take(len(narrow)):
            self._scan(narrow, "utf-16", self._place(0, len(self._view)))

    def _short_runs(self, spans: Iterable[Span]) -> None:
        for begin, end in spans:
            if self._message.late(self._location):
                return
            self._decode(bytes(self._view[begin:end]), self._place(begin, end))

    def _runs(self, first: int) -> None:
        at: int | None = first
        if self._depth > 1 and self._crowded(first):  # what was decoded is often alike
            at = self._dense(first)
        while at is not None:
            at = self._sparse(at)
            if at is not None:
                at = self._dense(at)

    def _sparse(self, first: int) -> int | None:
        """Look at one run after the other; where they come to be close, returns the place."""
        message, count = self._message, 0
        few = dense.FEW if self._depth == 1 else dense.FEWER
        lately: deque[int] = deque(maxlen=few)
        known = self._further.runs
        for start, end in runs.spans(self._view, message.scanner.runs, first, known):
            if len(lately) == few and start - lately[0] < few * dense.APART:
                return start
            if self._decoded and not message.budget.single():
                return start
            lately.append(start)
            run = bytes(self._view[start:end])
            if len(run) > dense.FEW * dense.APART and digits.in_pieces(run):
                return start
            if not digits.worth(run):
                continue
            count += 1
            late = count % _CLOCK == 0 and message.late(self._location)
            if late or count > message.scanner.limits.runs:
                message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
                return None
            place = self._place(start, end)
            if message.entropy and shannon(run[:256]) >= _HIGH_ENTROPY:
                message.add(Verdict.WARN, "entropy.high", self._location, place(), run)
            self._decode(run, place)
        return None

    def _dense(self, at: int) -> int | None:
        """Decode stretches from ``at`` on while runs are close; returns where they no more are."""
        size = dense.FIRST
        while at < len(self._view):
            end = min(len(self._view), at + size)
            self._stretch(dense.Stretch(bytes(self._view[at:end]), at))
            if end == len(self._view) or self._message.late(self._location):
                return None
            if not self._crowded(end):
                return end - dense.OVERLAP
            at, size = end - dense.OVERLAP, min(4 * size, dense.LARGEST)
        return None

    def _crowded(self, at: int) -> bool:
        ahead = self._view[at : at + _CROWD * dense.APART]
        return (
            sum(1 for _ in islice(runs.spans(ahead, self._message.scanner.runs), _CROWD)) == _CROWD
        )

    def _stretch(self, stretch: dense.Stretch) -> None:
        for layer, data, span in stretch.views():
            location = f"{self._location}>{layer}"

            def origin(start: int, end: int, span: Callable[[int, int], Span] = span) -> Span:
                low, length = span(start, end)
                return self._origin(low, low + length)

            if self._decoded and not self._message.budget.nest(len(data)):
                self._message.bound(Verdict.SUPERVISE, "limit.runs", self._location)
                return
            noise = not dense.readable(data)
            self._message.surface(data, location, depth=self._depth, origin=origin, noise=noise)
            self._packed(data, layer, origin)

    def _decode(self, run: bytes, place: Place) -> None:
        for layer, data in digits.decode_run(run, self._message.budget):
            kind = inflate.compressed(data[:8])
            if len(data) > SHORT or data[:2] == b"PK":
                self._scan(data, layer, place)
            elif kind:
                # Fields of gzip, what is behind it; two letters of a text may look like zlib.
                self._gather(layer, data if kind == "zlib" else data[_MAGIC:], place)
                self._short(f"{layer}>{kind}", self._inflated(kind, memoryview(data)), place)
            else:
                self._gather(layer, data, place)
