"""JSON Schemas of records: pydantic describes dataclasses and knows no Structs, so each record gets
a dataclass of the same name, fields and defaults to be described in its place."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields
from pydantic import TypeAdapter


def schema_of(record: type[Struct]) -> dict[str, Any]:
    """The schema of what is written for one record, with its shared ones under ``$defs``."""
    return TypeAdapter(_stand_in(record)).json_schema(mode="serialization")


@functools.cache
def _stand_in(record: type[Struct]) -> type:
    made = dataclasses.make_dataclass(
        record.__name__, [_field(f) for f in fields(record)], kw_only=True
    )
    made.__doc__ = record.__doc__
    return made


def _field(found: FieldInfo) -> tuple[str, Any, Any]:
    given: dict[str, Any] = {
        key: value
        for key in ("default", "default_factory")
        if (value := getattr(found, key)) is not NODEFAULT
    }
    return found.name, _hint(found.type), dataclasses.field(**given)


def _hint(hint: Any) -> Any:
    """``hint`` with every record in it replaced; a named alias without any keeps its name."""
    if isinstance(hint, typing.TypeAliasType):
        inner = _hint(hint.__value__)
        return hint if inner == hint.__value__ else inner
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _stand_in(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is None or origin is typing.Literal:
        return hint
    replaced = tuple(_hint(a) for a in arguments)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[replaced]  # noqa: UP007 - made at run time
    return origin[replaced]
