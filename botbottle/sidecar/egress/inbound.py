"""Inbound scan: text that tries to give the agent orders, on routes that ask for it.

A short response is held back whole and refused as a whole. A long or endless one is judged piece
by piece with an overlap before each piece is passed on; a hit ends the connection.
"""

from __future__ import annotations

from botbottle.dlp import Finding, Verdict
from botbottle.dlp.scanner import inbound
from botbottle.meter.decode import ContentDecoder

HELD = 256 * 1024  # bytes of a response that is held back whole
OVERLAP = 2048  # bytes: several times the distance two phrases may have


class InjectionFound(Exception):
    """A piece of a response must not be passed on."""


class InboundScan:
    """Judges one response body as it streams past."""

    def __init__(self, key: bytes, detectors: frozenset[str], coding: str) -> None:
        self._key, self._detectors = key, detectors
        self._decoder = ContentDecoder(coding)
        self._tail = b""
        self.warned = False

    def feed(self, chunk: bytes) -> None:
        """Raises InjectionFound, or Undecodable for what cannot be looked into."""
        for piece in self._decoder.feed(chunk):
            text = self._tail + piece
            if blocked(self._findings(text)):
                raise InjectionFound
            self._tail = text[-OVERLAP:]

    def _findings(self, text: bytes) -> tuple[Finding, ...]:
        found = inbound(text, self._key, self._detectors)
        self.warned = self.warned or bool(found)
        return found


def blocked(findings: tuple[Finding, ...]) -> bool:
    """Whether the text is refused rather than noted."""
    return any(f.verdict is Verdict.BLOCK for f in findings)
