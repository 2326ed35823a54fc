"""Canonical JSON and hashes: same meaning, same bytes, on every machine and version."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import json
from collections.abc import Hashable, Mapping
from typing import Any

HASH_VERSION = 1
_LEAVES = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _fields(cls: Hashable) -> tuple[str, ...]:
    """Names of a dataclass's fields; looked up once a class, as planning visits millions."""
    return tuple(f.name for f in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else ()


def plain(value: Any) -> Any:
    """Dataclasses, enums, tuples and sets as plain JSON values; mappings get string keys."""
    cls = type(value)
    if cls in _LEAVES:
        return value
    if cls is tuple or cls is list:
        return [v if type(v) in _LEAVES else plain(v) for v in value]
    if names := _fields(cls):  # type: ignore[arg-type]  # a class is hashable
        return {name: plain(getattr(value, name)) for name in names}
    return _other(value)


def _other(value: Any) -> Any:
    """What is rarer: enums, mappings, sets, subclasses of sequences, empty dataclasses."""
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v) for v in value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no white space, no NaN, non-ASCII kept."""
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any, length: int = 16) -> str:
    """The first ``length`` hex digits of the SHA-256 of the canonical JSON."""
    return digest_text(canonical(value), length)


def digest_text(text: str, length: int = 16) -> str:
    """The same for text that is canonical JSON already."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
