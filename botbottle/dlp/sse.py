"""Server-sent events: the text that a streamed model answer spells out, delta by delta.

An injected phrase arrives as ``ign`` + ``ore all`` in separate events, so the raw body never
contains it. Wire formats: WHATWG HTML section 9.2 (event streams); Anthropic Messages
(``delta.text``, ``delta.partial_json``, ``delta.thinking``), OpenAI Chat Completions
(``choices[].delta.content``), OpenAI Responses (``delta`` as a string).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_FIELDS = ("text", "content", "partial_json", "thinking", "reasoning_content", "refusal")


def delta_text(body: bytes, limit: int = 8 * 1024 * 1024) -> bytes:
    """All text deltas of an event stream joined; b"" for a body that is no event stream."""
    if b"data:" not in body[:65536]:
        return b""
    parts: list[bytes] = []
    size = 0
    for line in body.split(b"\n"):
        if line.startswith(b"data:"):
            text = event_text(line[5:].strip())
            parts.append(text)
            size += len(text)
        if size > limit:
            break
    return b"".join(parts)


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
    delta = event.get("delta")
    if isinstance(delta, str):
        yield delta
    elif isinstance(delta, dict):
        yield from (delta[f] for f in _FIELDS if isinstance(delta.get(f), str))
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        yield from _texts(choice)
