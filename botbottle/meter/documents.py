"""One JSON document of a response. Streams have one for each word, so reading them is most of what
metering a stream costs."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def read(data: bytes) -> Any:
    """What ``json.loads`` makes of it, three times as fast where msgspec reads it at all: it is
    stricter (no NaN, no lone surrogates, UTF-8 without a mark at its beginning) and agrees wherever
    it does not refuse. Raises ValueError and RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return json.loads(data)
