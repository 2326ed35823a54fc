"""Server-sent events: the text that a streamed model answer spells out, delta by delta.

An injected phrase arrives as ``ign`` + ``ore all`` in separate events, so the raw body never
contains it. Wire formats: WHATWG HTML section 9.2 (event streams: lines end with CR, LF or both,
the data lines of an event are joined by LF, a BOM may come first); Anthropic Messages
(``delta.text``, ``delta.partial_json``, ``delta.thinking``), OpenAI Chat Completions
(``choices[].delta.content``), OpenAI Responses (``delta`` as a string), Gemini
(``candidates[].content.parts[].text``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LINE = 256 * 1024  # bytes of a line; of a longer one only the raw text counts
_LINES = 256  # data lines of one event that are read together
_BOM = b"\xef\xbb\xbf"
_FIELDS = ("text", "content", "partial_json", "thinking", "reasoning_content", "refusal")


def delta_text(body: bytes, limit: int = 8 * 1024 * 1024) -> bytes:
    """All text deltas of an event stream joined; b"" for a body that is no event stream."""
    if b"data:" not in body[:65536]:
        return b""
    deltas = Deltas()
    return (deltas.feed(body) + deltas.feed(b"\n\n"))[:limit]


class Deltas:
    """The text that an event stream spells out; the stream is given in pieces."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._event: list[bytes] = []  # data lines since the last blank one
        self._size = 0  # their bytes
        self._skipping = self._returned = False

    def feed(self, piece: bytes) -> bytes:
        """What the lines spell out that end in this piece."""
        if not piece:
            return b""
        if self._returned:  # a CR ended a line already; an LF behind it ends none
            piece = piece.removeprefix(b"\n")
        self._returned = piece.endswith(b"\r")
        self._line += piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = bytes(self._line).split(b"\n")
        spelled = b"".join(map(self._text, lines))
        self._skipping = self._skipping or len(rest) > LINE
        self._line = bytearray() if self._skipping else bytearray(rest)
        return spelled

    def _text(self, line: bytes) -> bytes:
        """Of a data line by itself, or of an event's lines together, as clients read either."""
        skipped, self._skipping = self._skipping, False
        line = line.removeprefix(_BOM)
        if skipped:
            return b""
        if line.startswith(b"data:"):
            payload = line[5:].strip()
            self._size += len(payload)
            if self._size <= LINE and len(self._event) < _LINES:
                self._event.append(payload)
            return event_text(payload)
        if line:
            return b""
        event, self._event, self._size = self._event, [], 0
        return event_text(b"\n".join(event)) if len(event) > 1 else b""


def event_text(payload: bytes) -> bytes:
    """The text of one event's payload; b"" when it carries none or is no JSON."""
    if not payload.startswith(b"{"):
        return b""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return b""
    return "".join(_texts(event)).encode("utf-8", "surrogatepass")


def _texts(event: Any) -> Iterator[str]:
    if not isinstance(event, dict):
        return
    yield from (event[f] for f in _FIELDS if isinstance(event.get(f), str))
    delta = event.get("delta")
    if isinstance(delta, str):
        yield delta
    elif isinstance(delta, dict):
        yield from (delta[f] for f in _FIELDS if isinstance(delta.get(f), str))
    for name in ("choices", "candidates", "parts"):
        inner = event.get(name)
        for item in inner if isinstance(inner, list) else ():
            yield from _texts(item)
    if isinstance(content := event.get("content"), dict):
        yield from _texts(content)
