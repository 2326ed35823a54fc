"""A body that leaves while it arrives, piece by piece: what came is judged, what was found is told,
and what may leave does.

Judging takes as long as it takes, so it is done in a thread unless a glance was enough; nothing
leaves meanwhile, and nothing else of the body is looked at, so order is kept and who sends it waits
(see ``pressure``). What was found is told, and a secret that is delivered meanwhile is taken up, on
the event loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from mitmproxy.proxy.commands import StartHook

from botbottle.dlp import Finding, FragmentMemory, Scanner, Verdict
from botbottle.sidecar.egress.denial import Denial

_ROUNDS = 8  # deliveries of secrets while one piece is judged
_TOLD = 1024  # findings that are remembered as reported

type Memory = Callable[[Scanner], FragmentMemory]
type Marked = Callable[[Iterable[Finding]], tuple[Finding, ...]]
type Noted = Callable[[Iterable[Finding]], None]


class UploadRefused(Exception):
    """The rest of a body may not leave."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.code)
        self.denial = denial


class Body(Protocol):
    """A body that is judged while it arrives, in the order of these methods for each piece."""

    @property
    def kept(self) -> int:
        """Bytes of it that are here."""

    def take(self, chunk: bytes) -> None:
        """More of it; b"": it is over."""

    def glance(self) -> bool:
        """Judge what came if that is little work. False: ``judge`` is to be called as well."""

    def judge(self) -> None:
        """Judge what came, in any thread."""

    def judge_anew(self) -> None:
        """After ``renew``: judge all that has not left, in any thread. What was found stands."""

    def leave(self) -> list[bytes]:
        """What may leave now. Raises UploadRefused."""

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left with another scanner: when more comes, or at ``judge_anew``."""


class Judging:
    """What all bodies have in common. ``marked`` says which findings are allowed, ``noted`` hears
    of them; ``memory`` knows which pieces of a scanner's secrets left already, to ``scope``."""

    def __init__(
        self,
        scanner: Scanner,
        detectors: frozenset[str],
        marked: Marked,
        noted: Noted,
        memory: Memory = lambda _scanner: FragmentMemory(),
        scope: str = "",
    ) -> None:
        self.scanner, self._detectors, self._scope = scanner, detectors, scope
        self._memory_of, self._memory = memory, memory(scanner)
        self._marked, self._noted = marked, noted
        self._found: list[Finding] = []  # not told yet
        self._problem: UploadRefused | None = None  # as well
        self._told: set[tuple[str, str, str]] = set()
        self._begin()

    def _begin(self) -> None:
        """What a kind of body keeps besides."""

    def _use(self, scanner: Scanner) -> None:
        self.scanner, self._memory = scanner, self._memory_of(scanner)

    def _scan(self, scanner: Scanner, text: bytes, location: str = "body") -> tuple[Finding, ...]:
        return scanner.scan(
            text, location, detectors=self._detectors, memory=self._memory, scope=self._scope
        )

    def _tell(self) -> None:
        """Tell what was found; what may pass is told once. Raises UploadRefused for what may not:
        it is neither a warning nor allowed."""
        found, self._found = self._marked(self._found), []
        self._noted(tuple(f for f in found if self._fresh(f) or _stops(f)))
        for finding in filter(_stops, found):
            reason = f"{finding.rule} found in the body, which is not kept and cannot be cut"
            raise UploadRefused(Denial("dlp", reason))
        if self._problem is not None:
            raise self._problem

    def _fresh(self, finding: Finding) -> bool:
        """Whether a finding was not told yet: texts are looked at more than once."""
        mark = (finding.rule, finding.location, finding.fingerprint)
        if mark in self._told:
            return False
        if len(self._told) >= _TOLD:
            self._told.clear()
        self._told.add(mark)
        return True


def _stops(finding: Finding) -> bool:
    return finding.verdict is not Verdict.WARN and not finding.allowed


class Passing:
    """A body as mitmproxy gives it: called with each chunk, and with b"" at the end.

    That convention holds only while nobody else says b"", so it is not relied upon: after an end,
    or after a piece that was refused or failed, nothing passes any more. Where ``take`` was called
    with the chunk before, and ``judge`` until all is ``judged``, the call judges nothing itself.
    ``watch`` is shown each.
    """

    def __init__(self, body: Body, watch: Callable[[bytes], None] = lambda _: None) -> None:
        self._body, self._watch = body, watch
        self._over = self._taken = False
        self._rounds = 0  # of judging this piece
        self._fresh: Scanner | None = None  # delivered while it is judged
        self._problem: UploadRefused | None = None  # told when it is asked what leaves
        self.judged = False  # and may be asked what leaves

    @property
    def kept(self) -> int:
        """Bytes of it that are here."""
        return self._body.kept

    def take(self, chunk: bytes) -> None:
        """Put in what came. Raises UploadRefused."""
        if self._over:
            raise UploadRefused(Denial("bad-request", "the body went on after its end"))
        self._over = self._taken = True  # until this piece has left
        self._rounds, self._fresh = 0, None
        self._watch(chunk)
        self._body.take(chunk)
        self.judged = self._body.glance()

    async def judge(self) -> None:
        """Judge it in a thread. To be called again while it is not judged: a secret may be
        delivered meanwhile. What is refused here is told by the call that asks what leaves: of
        those who wait for this none is a stream."""
        if self._rounds == _ROUNDS:
            self._problem = UploadRefused(Denial("internal", "the secrets changed again and again"))
            self.judged = True
            return
        self._rounds += 1
        fresh, self._fresh = self._fresh, None
        if fresh is None:
            await asyncio.to_thread(self._body.judge)
        else:
            self._body.renew(fresh)
            await asyncio.to_thread(self._body.judge_anew)
        self.judged = self._fresh is None

    def __call__(self, chunk: bytes) -> list[bytes]:
        """What may leave now. Raises UploadRefused."""
        if not self._taken:
            self.take(chunk)
            if not self.judged:
                self._body.judge()
        elif not self.judged:
            raise UploadRefused(Denial("internal", "a piece of the body was not judged"))
        if self._problem is not None:
            raise self._problem
        self._taken = False
        out = self._body.leave()
        self._over = not chunk
        return out

    def renew(self, scanner: Scanner) -> None:
        """Judge what has not left with another scanner."""
        if self._taken:
            self._fresh, self.judged = scanner, False
        else:
            self._body.renew(scanner)


@dataclass
class JudgeHook(StartHook):  # type: ignore[no-untyped-call]
    """Wait until the piece that was put in was judged."""

    passing: Passing

    def args(self) -> list[Any]:
        """Nobody but the sidecar answers it."""
        return []
