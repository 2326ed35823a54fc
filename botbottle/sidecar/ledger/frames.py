"""The frames that come all the time, read and checked in one go by compiled code.

``read`` knows admissions, reports and settlements. Whatever is not one of them, or is in the least
doubt, gives None: ``codec`` and ``wire`` read that again field by field, judge it, and say what is
wrong with it. So nothing passes here that would not pass there, and the handlers are given the
same by both (``tests/sidecar_ledger/test_frames.py`` compares them).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.ledger import wire

type _Id = Annotated[int, Meta(ge=-(2**53), le=2**53)]
type _Count = Annotated[int, Meta(ge=0, le=wire.MAX_TOKENS)]
type _Asked = Annotated[int, Meta(ge=0, le=wire.MAX_ASKED)]
type _Name = Annotated[str, Meta(min_length=1, max_length=64)]  # see ``_named``
type _Lease = Annotated[str, Meta(max_length=64)]  # see ``_lease``

# What names and leases are made of: all of it stripped off leaves nothing. A regular expression
# says the same at six times the cost.
_HEX = "0123456789abcdef"
_WORD = "abcdefghijklmnopqrstuvwxyz0123456789._-"


type Arguments = tuple[Any, ...]


def _named(name: str) -> str:
    """Raises ValueError: not a name, see ``wire.name``."""
    if name.strip(_WORD) or name[0] in "._-":
        raise ValueError
    return name


def _lease(name: str) -> str:
    """Raises ValueError: not a lease, see ``wire.lease``."""
    if name.strip(_HEX):
        raise ValueError
    return name


class _Counts(Struct, forbid_unknown_fields=True, gc=False):
    """Token classes; see ``wire.tokens``."""

    input_uncached: _Count = 0
    cache_read: _Count = 0
    cache_write_5m: _Count = 0
    cache_write_1h: _Count = 0
    output: _Count = 0
    reasoning: _Count = 0

    def tokens(self) -> Tokens:
        """Raises ValueError: more reasoning than output."""
        if self.reasoning > self.output:
            raise ValueError
        return Tokens(
            self.input_uncached,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
            self.reasoning,
        )


class _Row(Struct, forbid_unknown_fields=True, gc=False):
    """An exchange; see ``wire.exchanges``."""

    provider: _Name
    response_id: Annotated[str, Meta(min_length=1, max_length=256)]
    completeness: Completeness
    at: float
    tokens: _Counts = msgspec.field(default_factory=_Counts)
    dialect: Annotated[str, Meta(max_length=64)] = ""
    model: Annotated[str, Meta(max_length=200)] = ""
    host: Annotated[str, Meta(max_length=253)] = ""
    note: Annotated[str, Meta(max_length=500)] = ""

    def exchange(self, now: float) -> Exchange:
        """Raises ValueError: control characters, or more reasoning than output."""
        if not (self.response_id + self.dialect + self.model + self.host + self.note).isprintable():
            raise ValueError
        return Exchange(
            _named(self.provider),
            self.dialect,
            self.model,
            self.host,
            self.response_id,
            self.tokens.tokens(),
            self.completeness,
            wire.credible(self.at, now),
            self.note,
        )


type _Rows = Annotated[list[_Row], Meta(max_length=wire.MAX_EXCHANGES)]


class _Admit(Struct, tag_field="op", tag="admit", forbid_unknown_fields=True, gc=False):
    OP: ClassVar = "admit"
    v: Literal[1]
    id: _Id
    provider: _Name
    model: Annotated[str, Meta(max_length=200)] = ""
    input: _Asked = 0
    output: _Count = 0

    def arguments(self, now: float) -> Arguments:
        if not self.model.isprintable():
            raise ValueError
        return _named(self.provider), self.model, self.input, self.output


class _Progress(Struct, tag_field="op", tag="progress", forbid_unknown_fields=True, gc=False):
    OP: ClassVar = "progress"
    v: Literal[1]
    id: _Id
    lease: _Lease = ""
    tokens: _Counts = msgspec.field(default_factory=_Counts)

    def arguments(self, now: float) -> Arguments:
        return _lease(self.lease), self.tokens.tokens()


class _Settle(Struct, tag_field="op", tag="settle", forbid_unknown_fields=True, gc=False):
    OP: ClassVar = "settle"
    v: Literal[1]
    id: _Id
    lease: _Lease = ""
    exchanges: _Rows = []

    def arguments(self, now: float) -> Arguments:
        return _lease(self.lease), tuple([row.exchange(now) for row in self.exchanges])


_DECODER = msgspec.json.Decoder(_Admit | _Progress | _Settle)


def read(line: bytes, now: float) -> tuple[int, str, Arguments] | None:
    """Number, operation and arguments of a frame; None: read it the other way. ``now`` in seconds
    since the epoch."""
    try:
        frame = _DECODER.decode(line)
        return frame.id, frame.OP, frame.arguments(now)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None
