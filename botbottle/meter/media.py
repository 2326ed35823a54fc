"""What pictures and sound of a stream cost, as far as can be told before its numbers come.

A picture is one piece whatever its size; of one that OpenAI draws in steps the first is the
picture, each further one costs 100. Sound grows with its length: 25 tokens a second, 48,000 bytes a
second as PCM and a few thousand where it is compressed. Rather too much than nothing: a stream
that is left before its last event tells no number.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.weights import UNIT

PICTURE = 2_000  # of Gemini's, at most
DRAWN = 6_240  # of OpenAI's: high quality, upright or wide
STEP = 100  # each further look at one that is drawn
PCM, PACKED = 1_900, 300  # bytes of sound a token


def sound(base64: str, *, packed: bool = False) -> int:
    """Weight of a piece of sound; 0 for none."""
    return -(-len(base64) * 3 * UNIT // (4 * (PACKED if packed else PCM)))


def inline(part: dict[str, Any]) -> int:
    """Weight of Gemini's ``inlineData``; 0 where a part has none."""
    data = part.get("inlineData") or part.get("inline_data")
    if not isinstance(data, dict) or not isinstance(data.get("data"), str):
        return 0
    kind = str(data.get("mimeType") or data.get("mime_type")).lower()
    if kind.startswith("audio/"):
        return sound(data["data"], packed=not ("l16" in kind or "pcm" in kind))
    return PICTURE * UNIT if data["data"] else 0


def drawn(kind: str, before: bool) -> int:
    """Weight of OpenAI's event ``kind``; ``before``: the stream has had such a one."""
    if not kind.endswith(".partial_image"):
        return 0
    return (STEP if before else DRAWN) * UNIT
