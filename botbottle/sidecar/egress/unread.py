"""Responses that cost while nobody reads them.

A provider goes on and bills the whole answer even where its reader has stopped. So a metered
response is read to its end although the agent does not take it, as far as memory allows. Beyond
that its upstream must wait, and nobody sees any more what it costs: then the agent has to take
something every minute, or the stream ends and is booked at what the request allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

AHEAD = 4 * 1024 * 1024  # bytes that may wait for one client connection
AHEAD_ALL = 32 * 1024 * 1024  # bytes that may wait for all of them together
PATIENCE = 60.0  # seconds in which a reader must take LEAST
LEAST = 64 * 1024  # bytes; less is a pretence: a window of one byte more, now and then


class Cost(Protocol):
    """What a response costs: of a request, or of what runs in a WebSocket."""

    held: bool  # the upstream waits, because the agent does not read

    @property
    def running(self) -> bool:
        """Whether something is on its way whose cost is not known yet."""

    @property
    def passed(self) -> int:
        """Bytes of it so far."""

    def hold(self, held: bool) -> None:
        """Whether the upstream waits from now on."""

    def holds(self, lease: str) -> bool:
        """Whether this is a lease in use."""

    def cut(self) -> None:
        """End it: nobody vouches for it any more."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How far a reader had come, and when. ``where``: what the bytes are counted at."""

    where: str
    size: int
    at: float


class Unread:
    """The held responses of one client connection."""

    def __init__(self) -> None:
        self._seen: dict[int, Taken] = {}

    def expired(self, held: dict[int, tuple[str, int]], now: float) -> list[int]:
        """Of the streams that are ``held`` now (number → where, bytes taken so far), those whose
        reader took too little for too long."""
        self._seen = {stream: self._next(stream, *held[stream], now) for stream in held}
        return [s for s, taken in self._seen.items() if now - taken.at >= PATIENCE]

    def _next(self, stream: int, where: str, size: int, now: float) -> Taken:
        seen = self._seen.get(stream)
        if seen is None or seen.where != where or size - seen.size >= LEAST:
            return Taken(where, size, now)
        return seen
