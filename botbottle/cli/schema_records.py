"""JSON Schemas of records: pydantic describes dataclasses and knows no Structs, so each record gets
a dataclass of the same name, fields and defaults to be described in its place."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Annotated, Any

from msgspec import NODEFAULT, UNSET, Struct, UnsetType
from msgspec.structs import FieldInfo, fields
from pydantic import Field, TypeAdapter

OPTIONAL = "optional"  # marks, in the meantime, a field that is written only where it is set


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
    hint = _hint(found.type)
    extra: dict[str, Any] = {}
    if found.encode_name != found.name:
        extra["serialization_alias"] = found.encode_name
    given: dict[str, Any] = {
        key: value
        for key in ("default", "default_factory")
        if (value := getattr(found, key)) is not NODEFAULT
    }
    if given.get("default") is UNSET:
        given["default"], extra["json_schema_extra"] = None, {OPTIONAL: True}
    if extra:
        hint = Annotated[hint, Field(**extra)]
    return found.name, hint, dataclasses.field(**given)


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
    replaced = tuple(_hint(a) for a in arguments if a is not UnsetType)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[replaced]  # noqa: UP007 - made at run time
    return origin[replaced]
