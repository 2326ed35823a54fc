"""Canonical JSON and hashes: same meaning, same bytes, on every machine and version."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

HASH_VERSION = 1
_LEAVES = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """Records, enums, tuples and sets as plain JSON values; mappings get string keys."""
    cls = type(value)
    if cls in _LEAVES:
        return value
    if cls is tuple or cls is list:
        return [v if type(v) in _LEAVES else plain(v) for v in value]
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return _other(value)


def _other(value: Any) -> Any:
    """What is rarer: enums, mappings, sets, subclasses of sequences."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v) for v in value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def _shallow(value: Any) -> Any:
    """What the JSON encoder does not know, one level at a time; the encoder does the rest."""
    if isinstance(value, Struct):
        return msgspec.structs.asdict(value)
    data = plain(value)
    if data is value:
        raise TypeError(f"{type(value).__name__} is not data")
    return data


_ENCODER = json.JSONEncoder(
    check_circular=False,
    ensure_ascii=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_shallow,
)
_QUICK = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no white space, no NaN, non-ASCII kept. The same text as that
    of ``plain(value)``, without building it; keys are strings. Raises ValueError on NaN and
    TypeError on what is not data."""
    return _ENCODER.encode(value)


def quick(value: Any) -> str:
    """The same text in a fourth of the time, for text, integers, booleans, None and records, lists
    and mappings of those. A float would be written in another form, and NaN as null: callers give
    records whose fields have no room for one; tests/model/test_quick.py holds them to it."""
    try:
        return _QUICK.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate: text all the same, as long as nobody sends it
        return canonical(value)


def digest(value: Any, length: int = 16) -> str:
    """The first ``length`` hex digits of the SHA-256 of the canonical JSON."""
    return digest_text(canonical(value), length)


def digest_text(text: str, length: int = 16) -> str:
    """The same for text that is canonical JSON already."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
