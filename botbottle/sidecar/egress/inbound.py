"""Inbound scan: text that tries to give the agent orders, on routes that ask for it.

A short response is held back whole and refused as a whole. A long or endless one is judged piece
by piece with an overlap before each piece is passed on; a hit ends the connection.
"""

from __future__ import annotations

from botbottle.dlp import INJECTION_HEURISTICS, Finding, InjectionStream, Verdict
from botbottle.meter.decode import ContentDecoder

HELD = 256 * 1024  # bytes of a response that is held back whole


class InjectionFound(Exception):
    """A piece of a response must not be passed on."""


class SocketScan:
    """Judges what comes by one WebSocket, message by message."""

    def __init__(self, key: bytes, detectors: frozenset[str]) -> None:
        self._stream = InjectionStream(key, wide=INJECTION_HEURISTICS in detectors)
        self._warned = False
        self.refused = False  # and so is all that follows

    def feed(self, message: bytes) -> tuple[Finding, ...]:
        """Findings in a message and those shortly before it, what only warns once."""
        found = self._stream.feed(message + b"\n")  # one that is JSON is a line of it
        if not blocked(found):
            found, self._warned = (() if self._warned else found), self._warned or bool(found)
        return found


class InboundScan:
    """Judges one response body as it streams past."""

    def __init__(self, key: bytes, detectors: frozenset[str], coding: str) -> None:
        self._stream = InjectionStream(key, wide=INJECTION_HEURISTICS in detectors)
        self._decoder = ContentDecoder(coding)
        self.warned = False

    def feed(self, chunk: bytes) -> None:
        """Raises InjectionFound, or Undecodable for what cannot be looked into."""
        for piece in self._decoder.feed(chunk):
            found = self._stream.feed(piece)
            self.warned = self.warned or bool(found)
            if blocked(found):
                raise InjectionFound


def blocked(findings: tuple[Finding, ...]) -> bool:
    """Whether the text is refused rather than noted."""
    return any(f.verdict is Verdict.BLOCK for f in findings)
