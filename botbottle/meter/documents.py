"""JSON documents. Streams of responses have one for each word, so reading them is most of what
metering a stream costs; those of requests are the agent's to make."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

# A part takes up to 200 bytes of memory for two of text, so parts are bounded: 60 MB for the worst
# document. A megabyte of code in messages has some hundred.
MAX_PARTS = 300_000
_PARTS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([\[{,])', re.DOTALL)


def read(data: bytes) -> Any:
    """What ``json.loads`` makes of it, three times as fast where msgspec reads it at all: it is
    stricter (no NaN, no lone surrogates, UTF-8 without a mark at its beginning) and agrees wherever
    it does not refuse. Raises ValueError and RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return json.loads(data)


def read_bounded(data: bytes) -> Any:
    """A document of somebody who may mean harm. Raises ValueError also when it has too many parts
    (RFC 8259: begin-array, begin-object and value-separator), whatever their size."""
    if sum(map(data.count, (b"{", b"[", b","))) > MAX_PARTS and _parts(data) > MAX_PARTS:
        raise ValueError("too many parts")
    return read(data)


def _parts(data: bytes) -> int:
    """How many there are outside of strings, or one too many."""
    if json.detect_encoding(data) != "utf-8":
        return MAX_PARTS + 1  # a quotation mark's byte means something else there
    found = 0
    for match in _PARTS.finditer(data):
        found += match.lastindex is not None
        if found > MAX_PARTS:
            break
    return found
