"""Request bodies that are passed on while they arrive, on routes that say ``stream_uploads``.

A body is judged in blocks with what follows them, and a block leaves only after it was judged
clean: a secret that is found has not left, not even in part; of what is compressed in a body, not
with its last part. What needs the whole body is not offered here: nothing is cut out and nothing is
held for an operator; any finding above a warning ends the upload. Memory: one block and its
neighbourhood, whatever the size of the body, and what decoders keep.
"""

from __future__ import annotations

from botbottle.dlp import Scanner, StreamScanner
from botbottle.dlp.stream import BLOCK, OVERLAP
from botbottle.sidecar.egress.opened import Opened
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.passing import Judging

MAX_BODY = 32 * 1024 * 1024  # bytes of a request body that is kept whole


class Upload(Judging):
    """One body on its way."""

    def _begin(self) -> None:
        self._blocks = self._stream()
        self._opened = Opened(lambda text, location: self._scan(self.scanner, text, location))
        self._kept = bytearray()
        self._left = b""  # the last that left
        self._ahead = 0  # bytes of what is kept that were opened
        self._sent = self._free = 0  # bytes that left, and that may leave
        self._came = b""
        self._last = False

    @property
    def kept(self) -> int:
        """Bytes that did not leave yet."""
        return len(self._kept)

    def take(self, chunk: bytes) -> None:
        """More of it; b"": it is over."""
        self._came, self._last = chunk, not chunk
        self._kept += chunk

    def glance(self) -> bool:
        """Whether there is nothing to judge yet: no block is whole."""
        if self._last or len(self._kept) >= BLOCK + OVERLAP:
            return False
        self._found += self._blocks.feed(self._came)
        return True

    def judge(self) -> None:
        """Judge what became whole, and what is compressed in all that is here: what leaves next,
        and what follows it."""
        self._found += self._blocks.finish() if self._last else self._blocks.feed(self._came)
        self._free = len(self._kept) if self._last else self._blocks.judged - self._sent
        fresh = bytes(memoryview(self._kept)[self._ahead :])
        self._ahead = len(self._kept)
        self._open(fresh)

    def judge_anew(self) -> None:
        """Judge all that is here by the scanner of now; what was found stands."""
        again, before = self._stream(), len(self._left)
        found = (*again.feed(self._left + self._kept), *again.finish())
        self._found += (f for f in found if not f.length or f.layered or f.end > before)
        self._open(b"")

    def leave(self) -> list[bytes]:
        """What was judged. Raises UploadRefused."""
        self._tell()
        out = bytes(self._kept[: self._free])
        if not out:
            return []
        del self._kept[: self._free]
        self._left = (self._left + out)[-OVERLAP:]
        self._sent += len(out)
        self._ahead -= len(out)
        self._free = 0
        self._opened.left()
        return [out]

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left, and what was around it, with another scanner."""
        self._use(scanner)
        self._blocks.renew(scanner, self._memory)
        self._opened.renew()

    def _stream(self) -> StreamScanner:
        return StreamScanner(
            self.scanner, detectors=self._detectors, memory=self._memory, scope=self._scope
        )

    def _open(self, fresh: bytes) -> None:
        self._found += self._opened.feed(fresh)


def may_stream(passage: Passage, length: int | None, coding: str) -> bool:
    """Whether a body of ``length`` bytes (None: not told) is passed on while it arrives.

    Never one that must be read whole first: a request that is metered or signed, a compressed
    one, a Git LFS batch. Smaller ones are kept whole and judged with every means.
    """
    route = passage.way
    if not route.stream_uploads or passage.call is not None or passage.upgrade:
        return False
    if coding or passage.where.path.endswith("/batch"):
        return False
    signed = route.auth is not None and route.auth.scheme == "sigv4"
    return not signed and (length is None or length > MAX_BODY)
