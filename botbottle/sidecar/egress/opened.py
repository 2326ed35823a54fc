"""What is compressed inside of a body that passes while it arrives, followed to its end.

The blocks of such a body are judged one by one, and a compressed file can be read from its
beginning only. So a decoder goes along with each that begins, wherever that is, and what it gives
is judged before a byte of what it was given leaves. One inside of another is followed as well.
Bounded are decoders at once, what they give for a slice, and depth; who meets a bound is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from botbottle.dlp import Finding, Verdict
from botbottle.dlp.findings import NOTHING
from botbottle.sidecar.egress.unpacking import LONGEST, MAGIC, Unpacking, Unreadable, unpacking

SLICE = 64 * 1024  # bytes that are opened in one step
EXPANDED = 100 * SLICE  # bytes that all that is in a slice may give
AT_ONCE = 6  # decoders; what only begins as such a file soon ends its own
BEGINNINGS = 2048  # in a slice: an archive of empty files has a thousand
DEPTH = 4
AROUND = 12 * 1024  # bytes before what is new that are judged with it
_STEP = 256 * 1024  # bytes that are judged at once
_TIMES = 3  # of feeding after which all has left that was fed before
_KEPT = 1024 * 1024  # bytes of what was given at each that another scanner may be asked about

type Judge = Callable[[bytes, str], tuple[Finding, ...]]  # (text, location)


class _TooMuch(Exception):
    """A bound was met; the argument is the rule that says so."""


class _Room:
    """What one slice may still give, and how many decoders there are, at all depths."""

    def __init__(self) -> None:
        self.left, self.open = EXPANDED, 0

    def take(self, size: int) -> None:
        self.left -= size
        if self.left <= 0:
            raise _TooMuch("limit.decoded")

    def begin(self) -> None:
        self.open += 1
        if self.open > AT_ONCE:
            raise _TooMuch("limit.runs")


class Opened:
    """All that is compressed in one body."""

    def __init__(self, judge: Judge) -> None:
        self._room = _Room()
        self._layer = _Layer(judge, "body", 1, self._room)

    def feed(self, data: bytes) -> tuple[Finding, ...]:
        """Findings in what more of the body gives; a bound that was met is one of them."""
        found: list[Finding] = []
        view = memoryview(data)
        try:
            for at in range(0, len(data) or 1, SLICE):
                self._room.left = EXPANDED
                found.extend(self._layer.feed(bytes(view[at : at + SLICE])))
        except _TooMuch as bound:
            found.append(Finding(Verdict.BLOCK, str(bound), "body", 0, 0, NOTHING))
        except Unreadable:
            found.append(Finding(Verdict.BLOCK, "undecodable", "body", 0, 0, NOTHING))
        return tuple(found)

    def renew(self) -> None:
        """Judge again what may not have left yet: there is another scanner."""
        self._layer.renew()

    def left(self) -> None:
        """A block left. All that was fed three times ago has."""
        self._layer.left()


class _Layer:
    """What is compressed in a text."""

    def __init__(self, judge: Judge, location: str, depth: int, room: _Room) -> None:
        self._judge, self._location, self._depth = judge, location, depth
        self._room = room
        self._tail = b""  # may be how a file begins
        self._files: list[_File] = []

    def feed(self, data: bytes) -> Iterator[Finding]:
        begun = self._begun(data)
        for file in self._files:
            yield from file.feed(data)
        for file, rest in begun:
            self._files.append(file)
            yield from file.feed(rest)

    def renew(self) -> None:
        for file in self._files:
            file.renew()

    def left(self) -> None:
        for file in self._files:
            file.left()
        self._files = [file for file in self._files if not file.gone]

    def _begun(self, data: bytes) -> Iterator[tuple[_File, memoryview]]:
        """The files that begin here, each with what there is of it."""
        whole, seen = self._tail + data, len(self._tail)
        self._tail = whole[-LONGEST + 1 :]
        starts = [m.start() for m in MAGIC.finditer(whole) if m.end() > seen]
        if starts and self._depth > DEPTH:
            raise _TooMuch("limit.depth")
        if len(starts) > BEGINNINGS:
            raise _TooMuch("limit.runs")
        return ((self._file(whole[at : at + 4]), memoryview(whole)[at:]) for at in starts)

    def _file(self, head: bytes) -> _File:
        file = unpacking(head)
        location = f"{self._location}>{file.name}"
        inner = _Layer(self._judge, location, self._depth + 1, self._room)
        return _File(file, self._judge, location, inner, self._room)


class _File:
    """One compressed file on its way."""

    def __init__(
        self, file: Unpacking, judge: Judge, location: str, inner: _Layer, room: _Room
    ) -> None:
        self._file: Unpacking | None = file
        self._judge, self._location = judge, location
        self._inner, self._room = inner, room
        self._before = b""
        # What it gave, by when: of the last three times of feeding some may not have left.
        self._given = deque([b""], maxlen=_TIMES)
        self._again = self._lost = False
        self._cut = 0  # times of feeding until all that may not have left is here
        room.begin()

    @property
    def gone(self) -> bool:
        """Whether it is over, and all that it gave has left."""
        return self._file is None and not any(self._given)

    def feed(self, data: bytes | memoryview) -> Iterator[Finding]:
        if self._lost:
            raise _TooMuch("limit.decoded")
        made = b""
        if self._file is not None:
            made = self._file.feed(data, self._room.left)
            self._room.take(len(made))
            if self._file.over:
                self._file = None
                self._room.open -= 1
        if made or self._again:
            yield from self._judged(made)
        yield from self._inner.feed(made)

    def renew(self) -> None:
        self._again, self._lost = True, self._lost or self._cut > 0
        self._inner.renew()

    def left(self) -> None:
        self._given.append(b"")
        self._cut -= self._cut > 0
        self._inner.left()

    def _judged(self, made: bytes) -> Iterator[Finding]:
        before = b"".join(self._given) if self._again else self._before
        self._again = False
        for at in range(0, len(made) or 1, _STEP):
            window = before + made[at : at + _STEP]
            yield from self._judge(window, self._location)
            before = window[-AROUND:]
        self._before = before
        given = self._given[-1] + made
        self._given[-1] = given[-_KEPT:]
        self._cut = _TIMES if len(given) > _KEPT else self._cut
