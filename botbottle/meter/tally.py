"""What one response has told so far, and the safe reading of untrusted JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from botbottle.meter.leftover import strings
from botbottle.meter.weights import UNIT, weigh
from botbottle.model.usage import Tokens

# No real count comes near this; a larger one is not taken for a count at all.
ABSURD = 10**12


def as_dict(value: Any) -> dict[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_str(value: Any) -> str:
    """The value when it is a string, else ''."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int | None:
    """A token count, or None when the value is absent, null, negative, absurd or not whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < ABSURD and value == int(value) else None


def n(value: Any) -> int:
    """A token count with 0 for what is not one."""
    return count(value) or 0


@dataclass(frozen=True, slots=True)
class Side:
    """Usage that one response reports for another model (an advisor, an image tool)."""

    suffix: str  # added to the response id
    model: str
    tokens: Tokens


@dataclass(slots=True)
class Tally:
    """Running state of one response.

    ``tokens`` are the provider's own numbers so far. ``deltas`` and ``weight`` estimate the
    output of a stream whose final number has not come; ``table`` is what its text is weighed by.
    ``since`` is what they were when the provider last counted all that there was, where it does.
    ``complete``: the final usage was seen, so the row is final even if nothing more follows.
    ``failed``: the provider's error, if the response ended in one. ``unbilled``: it ended in a
    refusal before any work.
    """

    response_id: str = ""
    model: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    input_known: bool = False
    complete: bool = False
    failed: str = ""
    unbilled: bool = False
    deltas: int = 0
    weight: int = 0
    since: tuple[int, int] | None = None
    table: bytes = b""
    sides: list[Side] = field(default_factory=list)

    def wrote(self, *texts: str) -> None:
        """One event's pieces of output passed; each that is not empty is at least one token, and
        numbers that came before it are not the final ones."""
        for text in texts:
            if text:
                self.complete = False
                self.deltas += 1
                self.weight += weigh(text, self.table)

    def wrote_any(self, known: Sequence[str], event: object) -> None:
        """The same for an event whose output may be in a place that its reader does not know."""
        self.wrote(*(known if any(known) else strings(event)))

    def showed(self, weight: int) -> None:
        """A piece of a picture or of sound passed: no text, but output; 0: none did."""
        if weight:
            self.complete = False
            self.deltas += 1
            self.weight += weight

    def thought(self, tokens: int) -> None:
        """The provider's own running estimate of output it does not show grew by ``tokens``."""
        self.weight += UNIT * tokens

    def at_least(self, tokens: int) -> None:
        """Nobody saw all of the output, which may have been so much."""
        self.weight = max(self.weight, UNIT * tokens)

    def counted(self, tokens: Tokens) -> None:
        """The provider's numbers for all that has passed so far."""
        self.tokens, self.since = tokens, (self.deltas, self.weight)

    def told(self, output: Any) -> bool:
        """Whether the provider's figure for output can be the final one: it is a count, or is left
        out where nothing was written."""
        return count(output) is not None or (output is None and not self.deltas)

    @property
    def all_counted(self) -> bool:
        """Whether no output has come since the provider's last numbers."""
        return self.since == (self.deltas, self.weight)

    @property
    def output_estimate(self) -> int:
        """Output tokens so far: a piece is at least one token; never below what was reported, and
        what passed since then is more."""
        deltas, weight = self.since or (self.deltas, self.weight)
        more = _pieces(self.deltas - deltas, self.weight - weight)
        return max(self.tokens.output + more, _pieces(self.deltas, self.weight))


def _pieces(deltas: int, weight: int) -> int:
    return max(deltas, -(-weight // UNIT))


class Reader(Protocol):
    """One dialect: folds a response's documents into a tally."""

    @property
    def tally(self) -> Tally:
        """What was told so far; for files of many rows, the row of the last document."""

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; True when it was the terminal one (commit now)."""
