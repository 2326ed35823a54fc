"""Scanning a body that arrives in chunks, independent of how it was cut.

The stream is judged in blocks on an absolute grid: block *k* covers bytes ``k*BLOCK`` to
``(k+1)*BLOCK`` and is scanned together with ``OVERLAP`` bytes on both sides; a finding belongs
to the block in which it starts. The grid does not depend on the chunks, so neither do the
findings. Memory: one block plus two overlaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from botbottle.dlp.findings import Finding, Verdict
from botbottle.dlp.known.fragments import FragmentMemory
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import OUTBOUND

BLOCK = 64 * 1024
OVERLAP = 12 * 1024


class StreamScanner:
    """Feed chunks, get findings with absolute offsets; call :meth:`finish` at the end.

    ``memory`` and ``scope``: for secrets in pieces over several bodies, as for ``Scanner.scan``;
    without them they are found over the blocks of this one.
    """

    def __init__(
        self, scanner: Scanner, location: str = "body", *, detectors: frozenset[str] = OUTBOUND,
        memory: FragmentMemory | None = None, scope: str = "",
    ) -> None:  # fmt: skip
        self._scanner = scanner
        self._location = location
        self._detectors = detectors
        self._memory = FragmentMemory() if memory is None else memory
        self._scope = scope
        self._buffer = bytearray()
        self._base = 0  # absolute offset of the buffer's first byte
        self._next = 0  # absolute offset of the block to judge next
        self._marks: set[tuple[Verdict, str, str, str]] = set()

    @property
    def judged(self) -> int:
        """Absolute offset up to which every byte was judged with what follows it."""
        return self._next

    def renew(self, scanner: Scanner, memory: FragmentMemory | None = None) -> None:
        """Judge what is not judged yet, with what is around it, by another scanner from now on;
        ``memory``: of pieces of its secrets."""
        self._scanner = scanner
        self._memory = FragmentMemory() if memory is None else memory

    def feed(self, chunk: bytes) -> tuple[Finding, ...]:
        """Findings of the blocks that became complete with this chunk."""
        self._buffer += chunk
        found: list[Finding] = []
        while self._base + len(self._buffer) >= self._next + BLOCK + OVERLAP:
            found.extend(self._judge(self._next + BLOCK + OVERLAP))
        return tuple(found)

    def finish(self) -> tuple[Finding, ...]:
        """Findings of the rest. The scanner may not be fed afterwards."""
        found: list[Finding] = []
        end = self._base + len(self._buffer)
        while self._next < end:
            found.extend(self._judge(min(end, self._next + BLOCK + OVERLAP)))
        return tuple(found)

    def _judge(self, end: int) -> Iterator[Finding]:
        # A copy: whatever still holds what it looked at (a cycle, a thread) would forbid the buffer
        # to shrink.
        window = bytes(memoryview(self._buffer)[: end - self._base])
        results = self._scanner.scan(
            window,
            self._location,
            detectors=self._detectors,
            memory=self._memory,
            scope=self._scope,
        )
        low, high = self._next, self._next + BLOCK
        self._advance(high)
        for finding in results:
            moved = replace(finding, offset=finding.offset + self._base_of(low))
            if self._fresh(moved, low, high):
                yield moved

    def _base_of(self, block: int) -> int:
        return max(0, block - OVERLAP)

    def _fresh(self, finding: Finding, low: int, high: int) -> bool:
        """In this block, or a hit without a place of its own that was not reported yet."""
        if finding.length and not finding.layered:
            return low <= finding.offset < high
        mark = (finding.verdict, finding.rule, finding.location, finding.fingerprint)
        new = mark not in self._marks
        self._marks.add(mark)
        return new

    def _advance(self, block: int) -> None:
        self._next = block
        keep = self._base_of(block)
        del self._buffer[: keep - self._base]
        self._base = keep
