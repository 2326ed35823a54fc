"""Parts of a sidecar's answers, read strictly: what has another shape is no answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botbottle.control.channel import silent
from botbottle.model.bottle import POLICIES
from botbottle.model.resources import SidecarStatus
from botbottle.model.route import MOST_RULES, rules
from botbottle.model.sidecar_config import SidecarConfig, from_wire

PREFLIGHT = ("off", "estimate", "exact")
LATEST = 2**33  # seconds since 1970 that a clock may show
_TEXTS = ("code", "event", "failure", "host", "id", "method", "path", "reason", "remedy")


def part[T](reply: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T:
    """``read`` of the reply's part ``name``. Raises SidecarUnreachable."""
    try:
        return read(reply[name])
    # Fail closed: a hostile process wrote it, and unread it grants nothing.
    except Exception as error:  # noqa: BLE001
        raise silent(error) from None


def status(data: Any) -> SidecarStatus:
    """Raises any kind of error for another shape; so do all readers here."""
    return SidecarStatus(
        config=None if data.get("config") is None else config(data["config"]),
        config_hash=_is(data["config_hash"], str),
        secrets=tuple((_is(n, str), _is(p, str)) for n, p in _is(data["secrets"], list)),
        version=_is(data["version"], str),
        ready=_is(data["ready"], bool),
        ledger=_is(data["ledger"], bool),
        detail=_is(data.get("detail", ""), str),
    )


def config(data: Any) -> SidecarConfig:
    """The active configuration; its routes are parsed as those of a manifest are."""
    found = from_wire(_is(data, dict))
    for value in (found.bottle, found.upstream_ca, found.hold.reason, found.hold.message):
        _is(value, str)
    _is(found.learning, bool), _is(found.supervise, bool)
    if type(found.log) is not int or found.preflight not in PREFLIGHT:
        raise TypeError("config")
    if found.hold.policy not in ("", *POLICIES):
        raise ValueError("hold")
    if sum(map(rules, found.routes)) > 2 * MOST_RULES:  # a plan of it would hold up every bottle
        raise ValueError("rules")
    return found


def texts(data: Any) -> dict[str, str]:
    return {name: _is(value, str) for name, value in _is(data, dict).items()}


def plain(data: Any) -> dict[str, Any]:
    return _is(data, dict)


def number(data: Any) -> int:
    if type(data) is not int:
        raise TypeError("number")
    return data


def denials(data: Any) -> list[dict[str, Any]]:
    return [_denial(_is(d, dict)) for d in _is(data, list)]


def _denial(data: dict[str, Any]) -> dict[str, Any]:
    for name in _TEXTS:
        if data.get(name) is not None:
            _is(data[name], str)
    if not 0 <= number(data.get("port", 0)) < 65536:
        raise ValueError("port")
    if not 0 <= float(data.get("at", 0)) < LATEST:
        raise ValueError("at")
    return data


def _is[T](value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value
