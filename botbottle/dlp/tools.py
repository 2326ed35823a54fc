"""What the parts of a scan need from each other, so that none of them imports the one above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from botbottle.dlp.allow import Allowlist
from botbottle.dlp.budget import Budget
from botbottle.dlp.compiled import CompiledRules
from botbottle.dlp.engines.base import Buffer, Matcher
from botbottle.dlp.findings import Verdict
from botbottle.dlp.known.index import KnownIndex
from botbottle.dlp.known.splits import Splits
from botbottle.dlp.settings import Limits

type Span = tuple[int, int]

# Where bytes (start, end) of a surface came from: (offset, length) in the surface as sent.
type Origin = Callable[[int, int], Span]


class Tools(Protocol):
    """What a message is scanned with: compiled once for a set of secrets, shared by threads.

    ``known``: held secrets and triggers in surfaces as they are; ``squeezed``: held secrets in
    surfaces without separators; ``splits``: where these may be in a large surface; ``triggers``:
    one matcher for each kind of escape.
    """

    rules: CompiledRules
    key: bytes
    limits: Limits
    allow: Allowlist
    index: KnownIndex
    known: Matcher
    squeezed: Matcher | None
    splits: Splits
    runs: Matcher
    packed: Matcher
    triggers: tuple[Matcher, ...]

    def owns(self, mark: str) -> bool:
        """Whether a fingerprint is that of a held secret."""


class Sink(Protocol):
    """A message's scan as its decoded views see it."""

    scanner: Tools
    budget: Budget
    entropy: bool

    def add(self, verdict: Verdict, rule: str, location: str, place: Span, secret: bytes) -> None:
        """Record a hit."""

    def bound(self, verdict: Verdict, rule: str, location: str) -> None:
        """Record that a limit was reached."""

    def late(self, location: str) -> bool:
        """True, and a finding, when the message's time is used up."""

    def surface(
        self, data: Buffer, location: str, *, tokens: bool = True, depth: int = 0,
        origin: Origin = ..., noise: bool = False,
    ) -> None:  # fmt: skip
        """Scan bytes that were decoded; of ``noise`` only what is no text."""
