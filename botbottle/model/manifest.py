"""What the manifest files share: strict frozen models and the small types their fields use.

These models say which keys exist and what each value may be. They do no I/O and know nothing
of other files; a value that is wrong raises ``problem(...)``, which the loader turns into a
positioned diagnostic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

NAME = r"^[a-z][a-z0-9-]*$"
MAX_NAME = 48
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
AMOUNT = r"^[0-9][0-9_]*(\.[0-9]+)?\s*[kKmMgGbB]?(\s*/\s*(hour|day|week|month))?$"
MEMORY = r"^[0-9]+(\.[0-9]+)?\s*[kKmMgGtT]?(i?[bB])?$"

_name = re.compile(NAME.rstrip("$") + r"\Z")
_bytes = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kKmMgGtT]?)(?:i?[bB])?\Z")
_variable = re.compile(VARIABLE.rstrip("$") + r"\Z")


class Keys(BaseModel):
    """Base of all manifest models: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), defer_build=True
    )


def problem(message: str, hint: str = "", code: str = "BB2104") -> PydanticCustomError:
    """A wrong value, in our own words. ``message`` must not quote anything secret."""
    return PydanticCustomError("bb", "{message}", {"message": message, "hint": hint, "code": code})


def is_name(text: str) -> bool:
    """Whether ``text`` may name a bottle, agent, provider or skill."""
    return len(text) <= MAX_NAME and _name.match(text) is not None


def _check_name(text: str) -> str:
    if not is_name(text):
        raise problem(
            f"{text[:80]!r} is not a name",
            f"lower-case letters, digits and dashes, a letter first, at most {MAX_NAME}",
        )
    return text


def _check_variable(text: str) -> str:
    if not _variable.match(text):
        # The text may be a pasted credential: it is not repeated.
        raise problem(
            "this is not the name of an environment variable",
            "write the name of the host variable that holds the value, never the value",
        )
    return text


def _check_line(text: str) -> str:
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in text):
        raise problem("the text must be one line without control characters")
    return text


def _text_only(raw: object) -> object:
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, (bool, int, float)):
        raise problem("the value must be text", "put it in quotes", "BB2103")
    raise problem("the value must be text", "", "BB2103")


def _names(raw: object) -> object:
    """A name or a list of names, as a list."""
    if raw is not None and not isinstance(raw, (str, list)):
        raise problem("the value must be a name or a list of names", "", "BB2103")
    return [raw] if isinstance(raw, str) else raw


def _amount(raw: object) -> object:
    if isinstance(raw, bool) or not isinstance(raw, (int, str)):
        raise problem("a budget is a number of tokens", "for example 5M or 5M/day", "BB2110")
    return raw


def _memory(raw: object) -> int:
    match = None if isinstance(raw, bool) else _bytes.match(str(raw))
    if not isinstance(raw, (int, str)) or not match:
        raise problem(f"{str(raw)[:80]!r} is not an amount of memory", "for example 512m or 2g")
    size = float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " ")
    if not 64 * 1024**2 <= size <= 1024**4:
        raise problem("memory must be between 64m and 1t")
    return int(size)


def _between(low: float, high: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not low <= value <= high:
            raise problem(f"the value must be between {low} and {high}")
        return value

    return check


def _whole(raw: object) -> object:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise problem("the value must be a whole number", "", "BB2103")
    return raw


def _number(raw: object) -> object:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise problem("the value must be a number", "", "BB2103")
    return float(raw)


def _flag(raw: object) -> object:
    if isinstance(raw, bool):
        return raw
    words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
    close = words.get(str(raw).lower())
    raise problem("the value must be true or false", f"write {close}" if close else "", "BB2103")


Text = Annotated[StrictStr, BeforeValidator(_text_only), AfterValidator(_check_line)]
LongText = Annotated[StrictStr, BeforeValidator(_text_only)]
Name = Annotated[
    Text,
    AfterValidator(_check_name),
    WithJsonSchema({"type": "string", "pattern": NAME, "maxLength": MAX_NAME}),
]
Variable = Annotated[
    Text, AfterValidator(_check_variable), WithJsonSchema({"type": "string", "pattern": VARIABLE})
]
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(_names),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "pattern": NAME},
                {"type": "array", "items": {"type": "string", "pattern": NAME}},
            ]
        }
    ),
]
# Budgets are read by ``botbottle.budget``; here only their shape is checked.
Amount = Annotated[
    int | str,
    PlainValidator(_amount),
    WithJsonSchema(
        {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": AMOUNT}]}
    ),
]
Memory = Annotated[
    int,
    PlainValidator(_memory),
    WithJsonSchema({"oneOf": [{"type": "integer"}, {"type": "string", "pattern": MEMORY}]}),
]
Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]


def whole(low: int, high: int) -> Any:
    """The type of a whole number between ``low`` and ``high``."""
    return Annotated[
        int,
        BeforeValidator(_whole),
        AfterValidator(_between(low, high)),
        WithJsonSchema({"type": "integer", "minimum": low, "maximum": high}),
    ]


def number(low: float, high: float) -> Any:
    """The type of a number between ``low`` and ``high``."""
    return Annotated[
        float,
        BeforeValidator(_number),
        AfterValidator(_between(low, high)),
        WithJsonSchema({"type": "number", "minimum": low, "maximum": high}),
    ]
