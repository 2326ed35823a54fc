"""What a sidecar that was taken over may say instead of an answer."""

from __future__ import annotations

import json
from typing import Any

from botbottle.model.sidecar_config import SidecarConfig

MARK = "sk-from-the-sidecar"  # never shown
STATUS: dict[str, Any] = {
    "config": None,
    "config_hash": "abc",
    "secrets": [["T", "12345678"]],
    "version": "0.1.0",
    "ready": True,
    "ledger": False,
    "detail": "not configured",
    "streams": 3,
}
JUNK = (
    b"[]\n",
    b'"' + MARK.encode() + b'"\n',
    b"null\n",
    b"1\n",
    b"{}\n",
    b"\n",
    b'{"ok":1}\n',
    b'{"ok":"' + MARK.encode() + b'"}\n',
    b'{"ok":false}\n',
    b'{"ok":false,"error":["' + MARK.encode() + b'"]}\n',
    b'{"ok":true,"x":' + b"9" * 5000 + b"}\n",
    b"[" * 200_000 + b"\n",
    b'{"ok":true,"status":' + b"[" * 200_000 + b"\n",
    b"\xff\xfe" + MARK.encode() + b"\n",
    MARK.encode(),
    b"",
)


def _with(**parts: object) -> bytes:
    return json.dumps({"ok": True, **parts}).encode() + b"\n"


def _status(**changed: object) -> bytes:
    return _with(status={**STATUS, **changed})


def _config(**changed: object) -> bytes:
    return _status(config={**SidecarConfig("b").to_wire(), **changed})


def _square(methods: int, paths: int) -> bytes:
    match = {
        "methods": ["A" * n for n in range(1, methods + 1)],
        "paths": [{"value": f"/{n}"} for n in range(paths)],
    }
    return _config(routes=[{"host": "api.example.org", "matches": [match]}])


# Few kilobytes that a plan would tell as very many rules; and as many as there may be.
TOO_WIDE, WIDE = _square(20, 5100), _square(20, 5000)

MISSHAPEN: dict[str, tuple[bytes, ...]] = {
    "status": (
        _with(),
        _with(status=[MARK]),
        _with(status=None),
        _with(status={"config": None}),
        _status(config_hash=[MARK]),
        _status(secrets={"T": MARK}),
        _status(secrets=[[MARK]]),
        _status(secrets=[["T", 1]]),
        _status(version=None),
        _status(ready=1),
        _status(ledger="yes"),
        _status(detail={MARK: 1}),
        _status(config=MARK),
        _status(config={"format": MARK}),
        _config(bottle=[]),
        _config(unknown=MARK),
        _config(routes=[{"host": "not a host " + MARK}]),
        _config(routes=[[]]),
        _config(routes=7),
        TOO_WIDE,
        _config(hold=[]),
        _config(hold={"policy": "none"}),
        _config(hold={"policy": [], "reason": "", "message": ""}),
        _config(hold={"message": 1}),
        _config(log="1"),
        _config(log=True),
        _config(learning=1),
        _config(preflight=MARK),
        _config(upstream_ca={}),
        _config(supervise=None),
        _config(metered=[1]),
        _config(placeholders={"a": "b"}),
    ),
    "details": (_with(), _with(status=MARK), _with(status=[["a", "b"]])),
    "vault_get": (_with(), _with(values=[["A", MARK]]), _with(values={"A": 1})),
    "denials": (
        _with(),
        _with(denials={"a": 1}),
        _with(denials=[MARK]),
        _with(denials=[{"at": MARK}]),
        _with(denials=[{"at": 1e300}]),
        _with(denials=[{"host": [MARK]}]),
        _with(denials=[{"port": MARK}]),
        _with(denials=[{"port": 70000}]),
    ),
    "cut": (_with(), _with(streams=MARK), _with(streams=True), _with(streams=1e999)),
}
