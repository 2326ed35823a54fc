"""JSON Schema of a manifest route, for editors; built from the constants the parser uses.

The parser in ``botbottle.model.route_reading`` decides; a test holds the two against each other.
"""

from __future__ import annotations

from typing import Any

from botbottle.model.approval import DAY_PATTERN, FINGERPRINT_PATTERN
from botbottle.model.route import (
    AUTH_SCHEMES,
    HEADER_TYPES,
    HOST_PATTERN,
    INBOUND_DETECTORS,
    NAME_PATTERN,
    ON_MATCH,
    OUTBOUND_DETECTORS,
    PATH_TYPES,
)


def _mapping(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    return schema | ({"required": list(required)} if required else {})


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _one_of(values: tuple[str, ...]) -> dict[str, Any]:
    return {"enum": list(values)}


_AUTH = _mapping(
    {
        "scheme": _one_of(AUTH_SCHEMES),
        "token_ref": {
            "type": "string",
            "pattern": f"^{NAME_PATTERN.pattern}$",
            "description": "Name of the host variable that holds the credential.",
        },
        "name": {"type": "string", "description": "Header or query parameter."},
    },
    "scheme",
    "token_ref",
)

_MATCH = _mapping(
    {
        "paths": _list(
            _mapping({"type": _one_of(PATH_TYPES), "value": {"type": "string"}}, "value")
        ),
        "methods": _list({"type": "string"}),
        "headers": _list(
            _mapping(
                {
                    "name": {"type": "string"},
                    "value": {"type": "string"},
                    "type": _one_of(HEADER_TYPES),
                },
                "name",
                "value",
            )
        ),
    }
)

_APPROVAL = _mapping(
    {
        "fingerprint": {
            "type": "string",
            "pattern": f"^{FINGERPRINT_PATTERN.pattern}$",
            "description": "As bb findings prints it; never the value.",
        },
        "reason": {"type": "string", "minLength": 1},
        "until": {
            "type": "string",
            "pattern": f"^{DAY_PATTERN.pattern}$",
            "description": "The last day (UTC) on which it holds.",
        },
        "rule": {"type": "string", "description": "Only findings of this rule."},
    },
    "fingerprint",
    "reason",
    "until",
)

_DLP = _mapping(
    {
        "outbound_detectors": _list(_one_of(OUTBOUND_DETECTORS)),
        "inbound_detectors": _list(_one_of(INBOUND_DETECTORS)),
        "outbound_on_match": _one_of(ON_MATCH),
        "allow": _list(_APPROVAL),
    }
)

ROUTE_SCHEMA: dict[str, Any] = _mapping(
    {
        "host": {
            "type": "string",
            "pattern": f"^{HOST_PATTERN.pattern}$",
            "description": "Exact host name, or *.suffix.",
        },
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "auth": _AUTH,
        "matches": _list(_MATCH),
        "git": _mapping({"fetch": {"type": "boolean"}}),
        "dlp": _DLP,
        "allow_private": {"type": "boolean"},
        "stream_uploads": {"type": "boolean"},
    },
    "host",
)
