"""Request bodies that are passed on while they arrive, on routes that say ``stream_uploads``.

A body is judged in blocks with what follows them, and a block leaves only after it was judged
clean: a secret that is found has not left, not even in part; of what is compressed in a body, not
with its last part. What needs the whole body is not offered here: nothing is cut out and nothing is
held for an operator; any finding above a warning ends the upload. Memory: one block and its
neighbourhood, whatever the size of the body, and what decoders keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from botbottle.dlp import Finding, FragmentMemory, Scanner, StreamScanner, Verdict
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.opened import Opened
from botbottle.sidecar.egress.passage import Passage

MAX_BODY = 32 * 1024 * 1024  # bytes of a request body that is kept whole
_PLAIN = ("", "identity")
_TOLD = 1024  # findings that are remembered as reported

type Memory = Callable[[Scanner], FragmentMemory]


class UploadRefused(Exception):
    """The rest of a body may not leave."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.code)
        self.denial = denial


class Judged(Protocol):
    """A body that is judged while it arrives. Both give what may leave, or raise UploadRefused."""

    @property
    def kept(self) -> int:
        """Bytes of it that are here."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """More of the body."""

    def finish(self) -> list[bytes]:
        """The body is over."""

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left with another scanner."""


class Passing:
    """A body as mitmproxy gives it: called with each chunk, and with b"" at the end.

    That convention holds only while nobody else says b"", so it is not relied upon: after an end,
    or after a piece that was refused or failed, nothing passes any more.
    """

    def __init__(self, body: Judged) -> None:
        self._body = body
        self._over = False

    @property
    def kept(self) -> int:
        """Bytes of it that are here."""
        return self._body.kept

    def __call__(self, chunk: bytes) -> list[bytes]:
        """What may leave now. Raises UploadRefused."""
        if self._over:
            raise UploadRefused(Denial("bad-request", "the body went on after its end"))
        self._over = True  # until this piece was judged
        out = self._body.feed(chunk) if chunk else self._body.finish()
        self._over = not chunk
        return out

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left with another scanner."""
        self._body.renew(scanner)


class Upload:
    """One body on its way. ``marked`` says which findings are allowed; ``memory`` which pieces of a
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
        self._memory, self._seen = memory, memory(scanner)
        self._scan = StreamScanner(scanner, detectors=detectors, memory=self._seen, scope=scope)
        self._opened = Opened(self._look)
        self._scanner, self._detectors, self._scope = scanner, detectors, scope
        self._told: set[tuple[str, str, str]] = set()
        self._ahead = 0  # bytes of what is kept that were opened
        self._marked = marked
        self._noted = noted
        self._kept = bytearray()
        self._sent = 0

    @property
    def kept(self) -> int:
        """Bytes that did not leave yet."""
        return len(self._kept)

    def feed(self, chunk: bytes) -> list[bytes]:
        """What may leave now. Raises UploadRefused."""
        self._kept += chunk
        self._judge(self._scan.feed(chunk))
        if self._scan.judged > self._sent:
            self._open()
        return self._leaving(self._scan.judged - self._sent)

    def finish(self) -> list[bytes]:
        """The rest. Raises UploadRefused."""
        self._judge(self._scan.finish())
        self._open()
        return self._leaving(len(self._kept))

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left, and what was around it, with another scanner."""
        self._scanner, self._seen = scanner, self._memory(scanner)
        self._scan.renew(scanner, self._seen)
        self._opened.renew()

    def _leaving(self, free: int) -> list[bytes]:
        out = bytes(self._kept[:free])
        del self._kept[:free]
        self._sent += len(out)
        self._ahead -= len(out)
        if out:
            self._opened.left()
        return [out] if out else []

    def _open(self) -> None:
        """Judge what is compressed in all that is here: what leaves next, and what follows it."""
        fresh = bytes(memoryview(self._kept)[self._ahead :])
        self._ahead = len(self._kept)
        self._judge(f for f in self._opened.feed(fresh) if self._unknown(f))

    def _unknown(self, finding: Finding) -> bool:
        """Whether it stops the body or was not told yet: some of it is looked at twice."""
        mark = (finding.rule, finding.location, finding.fingerprint)
        known = mark in self._told
        if len(self._told) < _TOLD:
            self._told.add(mark)
        return finding.verdict is not Verdict.WARN or not known

    def _look(self, text: bytes, location: str) -> tuple[Finding, ...]:
        return self._scanner.scan(
            text,
            location,
            detectors=self._detectors,
            memory=self._seen,
            scope=self._scope,
        )

    def _judge(self, raw: Iterable[Finding]) -> None:
        found = self._marked(raw)
        self._noted(found)
        refuse(found)


def refuse(found: Iterable[Finding]) -> None:
    """Raise UploadRefused for what is neither a warning nor allowed."""
    for finding in found:
        if finding.verdict is not Verdict.WARN and not finding.allowed:
            reason = f"{finding.rule} found in the body, which is not kept and cannot be cut"
            raise UploadRefused(Denial("dlp", reason))


def may_stream(passage: Passage, length: int | None, coding: str) -> bool:
    """Whether a body of ``length`` bytes (None: not told) is passed on while it arrives.

    Never one that must be read whole first: a request that is metered or signed, a compressed
    one, a Git LFS batch. Smaller ones are kept whole and judged with every means.
    """
    route = passage.way
    if not route.stream_uploads or passage.call is not None or passage.upgrade:
        return False
    if coding.strip().lower() not in _PLAIN or passage.where.path.endswith("/batch"):
        return False
    signed = route.auth is not None and route.auth.scheme == "sigv4"
    return not signed and (length is None or length > MAX_BODY)
