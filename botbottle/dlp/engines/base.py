"""What an engine does: find candidate positions. It never decides what is a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Expression:
    """One thing to look for.

    ``regex``: bytes regex for an engine that takes regexes. ``literals``: lower-case strings
    one of which is in every match, for an engine that takes only literals. ``once``: the first
    hit is enough (a trigger). ``caseless`` applies to the regex. ``plain``: the regex is nothing
    but the one literal.
    """

    regex: bytes
    literals: tuple[bytes, ...] = ()
    once: bool = False
    caseless: bool = False
    plain: bool = False


class Candidates(NamedTuple):
    """``hits``: (expression index, end offset) in order of end; ``overflow``: cut at the limit."""

    hits: list[tuple[int, int]]
    overflow: bool = False


class Matcher(Protocol):
    """A compiled set of expressions; safe to call from several threads."""

    def find(self, surface: Buffer, limit: int) -> Candidates:
        """All candidate ends in ``surface``, at most ``limit``."""
