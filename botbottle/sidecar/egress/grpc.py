"""gRPC requests that talk while they are answered, on routes that say ``stream_uploads``.

Of such a request each message is judged as soon as it is whole, and leaves at once: its peer may
wait for it before it says anything. It is judged together with what left before it, so a secret
that is cut in two by a message's end is found with its second part, which then does not leave.
Format: "gRPC over HTTP/2", Length-Prefixed-Message: a byte that says whether the message is
compressed, its length as four bytes (big-endian), the message.

Judging is never more work than a bounded multiple of what arrived: messages that arrive together
are judged together, those without text not at all, and large ones slice by slice while they arrive,
so that no single step keeps the event loop for long.
"""

from __future__ import annotations

from dataclasses import dataclass

from botbottle.dlp import Finding, Scanner
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.glance import glancing, settled
from botbottle.sidecar.egress.passing import Judging, UploadRefused
from botbottle.sidecar.egress.scan import OFF_LOOP

MAX_MESSAGE = 4 * 1024 * 1024  # bytes; what gRPC's servers take by default
SLICE = 64 * 1024  # bytes that are judged in one step
AROUND = 12 * 1024  # bytes before a slice that are looked at again, and after it
FREE = 32 * 1024 * 1024  # bytes that are looked at whatever arrived
TIMES = 256  # bytes looked at for each that arrived; messages of 48 bytes each stay below
LITTLE = 4 * 1024  # bytes of messages that are read on the event loop: eight hundred empty ones
_PREFIX = 5


def is_grpc(content_type: str) -> bool:
    """Whether a request's content type is gRPC's, with whatever serialisation."""
    name = content_type.partition(";")[0].strip().lower()
    return name == "application/grpc" or name.startswith("application/grpc+")


class Conversation(Judging):
    """One request body."""

    def _begin(self) -> None:
        self._quick = glancing(self.scanner)
        self._texts = _Texts()
        self._kept = bytearray()  # starts with a message's prefix
        self._taken = 0  # bytes of the first message's text that are among the texts already
        self._free = 0  # bytes that may leave
        self._dear = 0  # bytes until what was too much for a glance is out of sight
        self._came = b""
        self._cutting = self._last = False

    @property
    def kept(self) -> int:
        """Bytes that did not leave yet, and those of their text that were not judged."""
        return len(self._kept) + self._texts.kept

    def take(self, chunk: bytes) -> None:
        """More of it; b"": it is over."""
        self._texts.allowance += TIMES * len(chunk)
        self._kept += chunk
        self._dear -= len(chunk)
        self._came, self._cutting, self._last = chunk, True, not chunk

    def glance(self) -> bool:
        """Judge a little under the bounds of a glance."""
        if len(self._came) > LITTLE and self._whole():
            return False
        self._cut()
        little = sum(len(window.text) for window in self._texts.windows) < OFF_LOOP
        if self._texts.windows and (self._dear > 0 or not little):
            return False
        found = [f for window in self._texts.windows for f in self._look(self._quick, window)]
        if not settled(found):
            self._dear = AROUND
            return False
        self._found += found
        self._texts.windows.clear()
        return True

    def judge(self) -> None:
        """Judge what came, and what is there of a large message that stays until it is whole."""
        if self._cutting:
            self._cut()
        for window in self._texts.windows:
            self._found += self._look(self.scanner, window)
        self._texts.windows.clear()

    def judge_anew(self) -> None:
        """Judge all that is here by the scanner of now; what was found stands."""
        self._cutting = True
        self.judge()

    def leave(self) -> list[bytes]:
        """The messages that are whole; at the end, what is left of one that did not become so.
        Raises UploadRefused."""
        self._tell()
        if not self._free:
            return []
        out = bytes(self._kept[: self._free])
        del self._kept[: self._free]
        self._free = 0
        self._texts.leave()
        return [out]

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left, and what was before it, with another scanner."""
        self._use(scanner)
        self._quick = glancing(scanner)
        self._texts.renew(len(self._kept))
        self._taken = self._free = 0

    def _look(self, scanner: Scanner, window: _Window) -> list[Finding]:
        found = self._scan(scanner, window.text)
        return [f for f in found if _within(f, window.start, window.end)]

    def _cut(self) -> None:
        """Cut what came into texts to be judged."""
        self._came, self._cutting = b"", False
        try:
            self._end() if self._last else self._messages()
        except UploadRefused as problem:
            self._problem = problem

    def _messages(self) -> None:
        end = 0
        while (size := self._next(end)) is not None and end + size <= len(self._kept):
            self._texts.add(self._kept[end + _PREFIX + self._taken : end + size])
            self._taken = 0
            end += size
        if end:
            self._texts.flush()
            self._free = end
        self._look_ahead()

    def _end(self) -> None:
        start = _PREFIX if len(self._kept) >= _PREFIX else 0
        self._texts.add(self._kept[start + self._taken :])
        self._texts.flush()
        self._free = len(self._kept)

    def _next(self, at: int) -> int | None:
        """Bytes of the message at an offset, with its prefix; None when that is not whole."""
        if len(self._kept) < at + _PREFIX:
            return None
        if self._kept[at]:
            raise UploadRefused(Denial("dlp", "a compressed gRPC message cannot be judged"))
        size = int.from_bytes(self._kept[at + 1 : at + _PREFIX])
        if size > MAX_MESSAGE:
            raise UploadRefused(Denial("too-large", "the gRPC message is too large"))
        return _PREFIX + size

    def _whole(self) -> bool:
        """Whether a message became whole: behind it there may be thousands."""
        if self._last or len(self._kept) < _PREFIX:
            return False
        return _PREFIX + int.from_bytes(self._kept[1:_PREFIX]) <= len(self._kept)

    def _look_ahead(self) -> None:
        """Judge what is there of a large message, which stays here until it is whole."""
        size = self._next(self._free)
        if size is not None and size >= SLICE + AROUND:
            self._texts.add(self._kept[self._free + _PREFIX + self._taken :])
            self._taken = len(self._kept) - self._free - _PREFIX


@dataclass(frozen=True, slots=True)
class _Window:
    """A text, of which the bytes from ``start`` to ``end`` were not judged yet."""

    text: bytes
    start: int
    end: int


class _Texts:
    """The texts of all messages, cut as if nothing were between them.

    ``allowance``: bytes that may still be looked at. ``windows``: what is to be looked at now.
    """

    def __init__(self) -> None:
        self.allowance = FREE
        self.windows: list[_Window] = []
        self._open = bytearray()  # in no window yet
        self._before = self._left = b""  # what is before that, and what was the last to leave
        self._flushed = b""  # the last of what may leave

    @property
    def kept(self) -> int:
        """Bytes that are in no window yet."""
        return len(self._open)

    def add(self, text: bytes | bytearray) -> None:
        """More text; slices that became whole are to be judged. Raises UploadRefused."""
        self._open += text
        while len(self._open) >= SLICE + AROUND:
            self._judge(SLICE)

    def flush(self) -> None:
        """All there is is to be judged; then it leaves. Raises UploadRefused."""
        if self._open:
            self._judge(len(self._open))
        self._flushed = self._before

    def leave(self) -> None:
        """All that was flushed leaves."""
        self._left = self._flushed

    def renew(self, again: int) -> None:
        """Forget what was cut since something left: ``again`` bytes, which come once more."""
        self._before = self._flushed = self._left
        self._open.clear()
        self.windows.clear()
        self.allowance += 2 * again + SLICE + 2 * AROUND

    def _judge(self, size: int) -> None:
        """The next ``size`` bytes, with what is around them."""
        seen, new = len(self._before), bytes(self._open[: size + AROUND])
        window = self._before + new
        self.allowance -= len(window)
        if self.allowance < 0:
            raise UploadRefused(Denial("dlp", "gRPC messages too small to be judged one by one"))
        self.windows.append(_Window(text=window, start=seen, end=seen + size))
        del self._open[:size]
        self._before = window[: seen + size][-AROUND:]


def _within(finding: Finding, start: int, end: int) -> bool:
    """Whether a finding reaches into what is judged now; one without a place may."""
    if finding.layered or not finding.length:
        return True
    return finding.end > start and finding.offset < end
