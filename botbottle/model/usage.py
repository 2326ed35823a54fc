"""Token usage in disjoint classes, as every provider's numbers are normalised to.

Sources for what each API counts where: facts on wire formats in ``docs/metering.md``.
"""

from __future__ import annotations

import enum
import operator

from msgspec import Struct
from msgspec.structs import astuple


class Completeness(enum.StrEnum):
    """How much a usage row is worth."""

    FINAL = "final"  # the provider's own terminal numbers
    PARTIAL = "partial"  # interrupted: exact input, estimated output
    ESTIMATED = "estimated"  # unknown dialect, model or unparsable usage; raises an alarm


class Tokens(Struct, frozen=True):
    """Token counts in disjoint classes; ``reasoning`` alone is a subset (of ``output``).

    Units: tokens. Every field is >= 0. Providers that include cache reads in their input
    figure are normalised, so that the classes can be added up without counting twice.
    """

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*map(operator.add, astuple(self), astuple(other)))

    @property
    def total_input(self) -> int:
        """All input classes together."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        """All classes together (reasoning is inside output)."""
        return self.total_input + self.output


class Exchange(Struct, frozen=True):
    """One metered request's usage, as the meter emits it and the ledger stores it.

    ``response_id`` is the provider's own id (unique per provider) or, where the provider gave
    none, one derived by the sidecar; replays of one id are counted once. ``provider`` is the
    budget key (``claude``, ``codex``, ...), ``dialect`` the wire format. ``at`` is seconds
    since the epoch.
    """

    provider: str
    dialect: str
    model: str
    host: str
    response_id: str
    tokens: Tokens
    completeness: Completeness
    at: float
    note: str = ""
