"""Frames as the service reads and writes them: most of its time goes here, so in compiled code.

Apart from ``wire``, which the egress sidecar loads too and for which this would be a burden.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from pydantic_core import from_json

from botbottle.sidecar.ledger.wire import MAX_FRAME, VERSION, BadRequest

_ENCODER = msgspec.json.Encoder()
_DONE = b'{"v":%d,"id":%%b,"ok":true' % VERSION
_REFUSED = b'{"v":%d,"id":%%b,"ok":false' % VERSION


def reply(number: int | None, ok: bool, fields: Any) -> bytes:
    """One reply as bytes; ``fields`` is a mapping or a record. Raises BadRequest when it is too
    long."""
    head = (_DONE if ok else _REFUSED) % (b"null" if number is None else b"%d" % number)
    body = _ENCODER.encode(fields)
    line = b"%b,%b\n" % (head, body[1:]) if len(body) > 2 else head + b"}\n"
    if len(line) > MAX_FRAME:
        raise BadRequest("frame too long")
    return line


def decode(line: bytes) -> dict[str, Any]:
    """One request as plain data with integer ``id`` and text ``op``."""
    frame = _parsed(line)
    if not isinstance(frame, dict) or frame.get("v") != VERSION:
        raise BadRequest("not a frame of version 1")
    number, op = frame.get("id"), frame.get("op")
    if type(number) is not int or abs(number) > 2**53 or not isinstance(op, str):
        raise BadRequest("id or op missing")
    return frame


def _parsed(line: bytes) -> Any:
    """The quick parser is the stricter one (it takes no lone surrogate): what it refuses is
    read again, so that a faulty frame with a number still gets its numbered refusal."""
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError):
        raise BadRequest("not JSON") from None
