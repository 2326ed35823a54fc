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
# How the names of what is counted end, and the objects that they are in.
_COUNTS = re.compile(rb'(?:okens?|[Cc]ount)"')
_HOLDERS = (b'"usage"', b'"usageMetadata"', b'"usage_metadata"')
LARGE = 4 * 1024 * 1024  # bytes; reading a larger document so takes a tenth of a second
_PARTS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([\[{,])', re.DOTALL)


def read(data: bytes) -> Any:
    """What ``json.loads`` makes of it, three times as fast where msgspec reads it at all: it is
    stricter (no NaN, no lone surrogates, UTF-8 without a mark at its beginning) and agrees wherever
    it does not refuse. Raises ValueError and RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return json.loads(data)


def told(data: bytes) -> Any:
    """What a provider tells. Parsers differ in what they make of a name that an object has twice
    (RFC 8259, section 4), so which number it bills by is not known: the larger one counts."""
    if _COUNTS.search(data) is None:
        return read(data)
    if len(data) > LARGE and not any(data.count(name) > 1 for name in _HOLDERS):
        return read(data)
    return json.loads(data, object_pairs_hook=_all_of)


def _all_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        found = {}
        for name, value in pairs:
            found[name] = _larger(found[name], value) if name in found else value
    return found


def _larger(one: Any, other: Any) -> Any:
    """The larger of two numbers, and of two objects all that is in them; rather an object than a
    number, rather that than anything else, and of others the last, as parsers have it."""
    if isinstance(one, dict) and isinstance(other, dict):
        return _all_of([*one.items(), *other.items()])
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    ranks = _rank(one), _rank(other)
    if ranks == (1, 1):
        return max(one, other)
    return one if ranks[0] > ranks[1] else other


def _rank(value: Any) -> int:
    if isinstance(value, dict):
        return 3
    if isinstance(value, list):
        return 2
    return int(isinstance(value, int | float) and not isinstance(value, bool))


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
