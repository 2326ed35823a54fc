"""Members of a JSON object that ask for another method than the request's head.

Only those of the outermost object do, and their names may be written with escapes. So the text is
first searched for anything that such a name may be written as; where there is none, which is the
rule, nothing is parsed. The search is bounded in what it keeps, and other threads come in between.
"""

from __future__ import annotations

import json
import re

import msgspec

from botbottle.sidecar.egress.overrides import UNKNOWN, asks


def _written(name: str) -> str:
    """An expression for a name in JSON, each character of which may be an escape."""
    both = ({c.lower(), c.upper()} for c in name)
    return "".join(
        "(?:" + "|".join(rf"{re.escape(c)}|\\u00{ord(c):02x}" for c in sorted(each)) + ")"
        for each in both
    )


_DASH = f"(?:{_written('-')}|{_written('_')})"
_OVERRIDE = _DASH.join(map(_written, ("x", "http", "method", "override")))
_BLANK = r"(?:[ \t\r\n]|\\[tnrf]|\\u00(?:20|09|0a|0b|0c|0d|a0)){0,9}"
# A quote behind a backslash is within a text.
_NAME = re.compile(rf'(?i)(?<!\\)"{_BLANK}(?:{_written("_method")}|{_OVERRIDE})'.encode())
_BLOCK, _EDGE = 16 * 1024, 400  # bytes looked at in one go; what a name at its end may take
_LARGE = 1024 * 1024  # bytes of what is not parsed: a text may have a member each six bytes
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def methods(body: bytes) -> tuple[str, ...]:
    """The methods that a JSON text asks for. What is named more than once, or is no text, is one
    that no rule allows, and so is what a parser that takes more might find."""
    text = _plain(body)
    found = sum(_begun(text, at) for at in range(0, len(text), _BLOCK))
    if not found:
        return ()
    if len(text) > _LARGE:
        return (UNKNOWN,)
    try:
        members = _members.decode(text)
    except msgspec.ValidationError:  # no object
        return ()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return (UNKNOWN,)
    asked = [value for name, value in members.items() if asks(name)]
    return (_method(asked[0]) if found == 1 else UNKNOWN,) if asked else ()


def _begun(text: bytes, at: int) -> int:
    """How many names begin in a block."""
    names = _NAME.finditer(text, at, at + _BLOCK + _EDGE)
    return sum(found.start() < at + _BLOCK for found in names)


def _plain(body: bytes) -> bytes:
    """A JSON text as UTF-8, without a byte order mark (RFC 8259, 8.1, has no other; servers do)."""
    coding = json.detect_encoding(body)
    return body if coding == "utf-8" else body.decode(coding, "replace").encode()


def _method(value: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(value, type=str).strip().upper()
    except msgspec.DecodeError:
        return UNKNOWN
