"""Streamed answers of models: the texts that they spell out, delta by delta.

An injected phrase arrives as ``ign`` + ``ore all`` in separate events, so the raw body never
contains it. Wire formats: WHATWG HTML section 9.2 (event streams: lines end with CR, LF or both,
the data lines of an event are joined by LF, a BOM may come first); Anthropic Messages
(``delta.text``, ``delta.partial_json``, ``delta.thinking``), OpenAI Chat Completions
(``choices[].delta.content``, ``…tool_calls[].function.arguments``), OpenAI Responses (``delta`` as
a string), Gemini (``candidates[].content.parts[].text``), Ollama (lines of JSON:
``message.content``, ``response``), MCP (``result.content[].text``). Parts with different indices
are read by themselves as well, whatever comes between their deltas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

PARTS = 16  # that are read by themselves
LINE = 256 * 1024  # bytes of a line; of a longer one only the raw text counts
_LINES = 256  # data lines of one event that are read together
_BOM = b"\xef\xbb\xbf"
_FIELDS = (
    "text", "content", "partial_json", "thinking", "reasoning_content", "refusal", "arguments",
    "response",
)  # fmt: skip
_LISTS = ("choices", "candidates", "parts", "content", "tool_calls")
_INNER = ("content", "message", "function", "result", "params")
_INDICES = ("index", "output_index", "content_index")

type Part = tuple[object, ...]  # the indices on the way to a text


def delta_texts(body: bytes, limit: int = 8 * 1024 * 1024) -> list[bytes]:
    """All text deltas joined, then those of each part where there are several."""
    if b"data:" not in body[:65536] and not body[:1024].lstrip().startswith(b"{"):
        return []
    deltas, parts = Deltas(), dict[Part, list[bytes]]()
    found = [*deltas.feed(body), *deltas.feed(b"\n\n")]
    for part, text in found:
        parts.setdefault(part, []).append(text)
    several = [b"".join(texts)[:limit] for texts in parts.values()] if len(parts) > 1 else []
    return [b"".join(text for _, text in found)[:limit], *several[:PARTS]]


class Deltas:
    """The texts that an event stream, or lines of JSON, spell out; given in pieces."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._event: list[bytes] = []  # data lines since the last blank one
        self._size = 0  # their bytes
        self._skipping = self._returned = False

    def feed(self, piece: bytes) -> list[tuple[Part, bytes]]:
        """What the lines spell out that end in this piece, and of which part it is."""
        if not piece:
            return []
        if self._returned:  # a CR ended a line already; an LF behind it ends none
            piece = piece.removeprefix(b"\n")
        self._returned = piece.endswith(b"\r")
        self._line += piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = bytes(self._line).split(b"\n")
        spelled = [found for line in lines for found in self._texts(line)]
        self._skipping = self._skipping or len(rest) > LINE
        self._line = bytearray() if self._skipping else bytearray(rest)
        return spelled

    def _texts(self, line: bytes) -> list[tuple[Part, bytes]]:
        """Of a data line by itself, or of an event's lines together, as clients read either."""
        skipped, self._skipping = self._skipping, False
        line = line.removeprefix(_BOM)
        if skipped:
            return []
        if line.startswith(b"data:"):
            payload = line[5:].strip()
            self._size += len(payload)
            if self._size <= LINE and len(self._event) < _LINES:
                self._event.append(payload)
            return event_texts(payload)
        if line:
            return event_texts(line.strip())
        event, self._event, self._size = self._event, [], 0
        return event_texts(b"\n".join(event)) if len(event) > 1 else []


def event_texts(payload: bytes) -> list[tuple[Part, bytes]]:
    """The texts of one event's payload, each with the part that it belongs to; none when it
    carries none or is no JSON."""
    if not payload.startswith(b"{"):
        return []
    try:
        found = list(_texts(json.loads(payload), ()))
    except (ValueError, RecursionError):
        return []
    return [(part, text.encode("utf-8", "surrogatepass")) for part, text in found]


def _texts(event: Any, part: Part) -> Iterator[tuple[Part, str]]:
    if not isinstance(event, dict):
        return
    part = (*part, *(event[i] for i in _INDICES if isinstance(event.get(i), int)))
    yield from ((part, event[f]) for f in _FIELDS if isinstance(event.get(f), str))
    delta = event.get("delta")
    if isinstance(delta, str):
        yield part, delta
    for inner in (delta, *(event.get(name) for name in _INNER)):
        yield from _texts(inner, part)
    for name in _LISTS:
        inner = event.get(name)
        for item in inner if isinstance(inner, list) else ():
            yield from _texts(item, (*part, name) if name == "tool_calls" else part)
