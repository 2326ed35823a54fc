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

from collections.abc import Callable, Iterable

from botbottle.dlp import Finding, FragmentMemory, Scanner
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.upload import Memory, UploadRefused, refuse

MAX_MESSAGE = 4 * 1024 * 1024  # bytes; what gRPC's servers take by default
SLICE = 64 * 1024  # bytes that are judged in one step
AROUND = 12 * 1024  # bytes before a slice that are looked at again, and after it
FREE = 32 * 1024 * 1024  # bytes that are looked at whatever arrived
TIMES = 256  # bytes looked at for each that arrived; messages of 48 bytes each stay below
_PREFIX = 5
_TOLD = 1024  # findings that are remembered as reported


def is_grpc(content_type: str) -> bool:
    """Whether a request's content type is gRPC's, with whatever serialisation."""
    name = content_type.partition(";")[0].strip().lower()
    return name == "application/grpc" or name.startswith("application/grpc+")


class Conversation:
    """One request body. ``marked`` says which findings are allowed; ``memory`` which pieces of a
    scanner's secrets left already, to ``scope``."""

    def __init__(
        self,
        scanner: Scanner,
        detectors: frozenset[str],
        marked: Callable[[Iterable[Finding]], tuple[Finding, ...]],
        noted: Callable[[Iterable[Finding]], None],
        memory: Memory = lambda _scanner: FragmentMemory(),
        scope: str = "",
    ) -> None:
        self._texts = _Texts(scanner, detectors, marked, noted, memory, scope)
        self._kept = bytearray()  # starts with a message's prefix
        self._taken = 0  # bytes of the first message's text that are among the texts already

    @property
    def kept(self) -> int:
        """Bytes that did not leave yet, and those of their text that were not judged."""
        return len(self._kept) + self._texts.kept

    def feed(self, chunk: bytes) -> list[bytes]:
        """The messages that may leave now. Raises UploadRefused."""
        self._texts.allowance += TIMES * len(chunk)
        self._kept += chunk
        end = 0
        while (size := self._next(end)) is not None and end + size <= len(self._kept):
            self._texts.add(self._kept[end + _PREFIX + self._taken : end + size])
            self._taken = 0
            end += size
        out = self._leaving(end)
        self._look_ahead()
        return out

    def finish(self) -> list[bytes]:
        """What is left of a message that did not become whole. Raises UploadRefused."""
        start = _PREFIX if len(self._kept) >= _PREFIX else 0
        self._texts.add(self._kept[start + self._taken :])
        return self._leaving(len(self._kept))

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left, and what was before it, with another scanner: when more comes,
        since nothing leaves until then."""
        self._texts.renew(scanner, len(self._kept))
        self._taken = 0

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

    def _leaving(self, end: int) -> list[bytes]:
        if not end:
            return []
        self._texts.flush()
        out = bytes(self._kept[:end])
        del self._kept[:end]
        return [out]

    def _look_ahead(self) -> None:
        """Judge what is there of a large message, which stays here until it is whole."""
        size = self._next(0)
        if size is not None and size >= SLICE + AROUND:
            self._texts.add(self._kept[_PREFIX + self._taken :])
            self._taken = len(self._kept) - _PREFIX


class _Texts:
    """The texts of all messages, judged as if nothing were between them.

    ``allowance``: bytes that may still be looked at.
    """

    def __init__(
        self,
        scanner: Scanner,
        detectors: frozenset[str],
        marked: Callable[[Iterable[Finding]], tuple[Finding, ...]],
        noted: Callable[[Iterable[Finding]], None],
        memory: Memory,
        scope: str,
    ) -> None:
        self.allowance = FREE
        self.scanner, self._detectors = scanner, detectors
        self._memory_of, self._memory, self._scope = memory, memory(scanner), scope
        self._marked, self._noted = marked, noted
        self._open = bytearray()  # not judged yet
        self._before = self._left = b""  # what is before that, and what was the last to leave
        self._told: set[tuple[str, str, str]] = set()

    @property
    def kept(self) -> int:
        """Bytes that were not judged."""
        return len(self._open)

    def add(self, text: bytes | bytearray) -> None:
        """More text; slices that became whole are judged. Raises UploadRefused."""
        self._open += text
        while len(self._open) >= SLICE + AROUND:
            self._judge(SLICE)

    def flush(self) -> None:
        """Judge all there is; then it leaves. Raises UploadRefused."""
        if self._open:
            self._judge(len(self._open))
        self._left = self._before

    def renew(self, scanner: Scanner, again: int) -> None:
        """Forget what was judged since something left: ``again`` bytes, which come once more."""
        self.scanner, self._before = scanner, self._left
        self._memory = self._memory_of(scanner)
        self._open.clear()
        self.allowance += 2 * again + SLICE + 2 * AROUND

    def _judge(self, size: int) -> None:
        """Judge the next ``size`` bytes with what is around them."""
        seen, new = len(self._before), bytes(self._open[: size + AROUND])
        window = self._before + new
        self._pay(len(window))
        raw = self.scanner.scan(
            window, "body", detectors=self._detectors, memory=self._memory, scope=self._scope
        )
        found = self._marked(f for f in raw if _within(f, seen, seen + size))
        self._noted(tuple(f for f in found if self._fresh(f)))
        refuse(found)
        del self._open[:size]
        self._before = window[: seen + size][-AROUND:]

    def _pay(self, size: int) -> None:
        self.allowance -= size
        if self.allowance < 0:
            raise UploadRefused(Denial("dlp", "gRPC messages too small to be judged one by one"))

    def _fresh(self, finding: Finding) -> bool:
        """Whether a finding was not reported yet: texts are looked at more than once."""
        mark = (finding.rule, finding.location, finding.fingerprint)
        if mark in self._told:
            return False
        if len(self._told) >= _TOLD:
            self._told.clear()
        self._told.add(mark)
        return True


def _within(finding: Finding, start: int, end: int) -> bool:
    """Whether a finding reaches into what is judged now; one without a place may."""
    if finding.layered or not finding.length:
        return True
    return finding.end > start and finding.offset < end
