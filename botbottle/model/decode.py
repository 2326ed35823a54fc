"""Plain data → frozen records, by their type hints: the inverse of ``canonical.plain``."""

from __future__ import annotations

import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

from msgspec import Struct


def decode[T: Struct](cls: type[T], data: Any) -> T:
    """An instance of ``cls``; unknown keys are ignored, missing ones take their default. Raises
    TypeError or ValueError on data of another shape."""
    value = _decode(cls, data)
    if not isinstance(value, cls):
        raise TypeError(f"not a {cls.__name__}")
    return value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _decode(hint: Any, data: Any) -> Any:
    if isinstance(hint, typing.TypeAliasType):
        return _decode(hint.__value__, data)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(data)
    if isinstance(hint, type) and issubclass(hint, Struct):
        if not isinstance(data, Mapping):
            raise TypeError(f"{hint.__name__}: expected a mapping")
        known = _hints(hint)
        return hint(**{k: _decode(known[k], v) for k, v in data.items() if k in known})
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return _tuple(args, data)
    if origin is frozenset:
        return frozenset(_decode(args[0], v) for v in data)
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _decode(next(a for a in args if a is not type(None)), data)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {k: _decode(args[1], v) for k, v in data.items()}
    return data


def _tuple(args: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode(args[0], v) for v in data)
    return tuple(_decode(a, v) for a, v in zip(args, data, strict=True))
