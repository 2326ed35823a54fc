"""Token metering, sans I/O: what a request to a model provider is, and what it cost.

::

    call = identify(host, method, path, headers, declared_hosts)    None: no models there
    if call.gated:                                                  ask the ledger first
        request = read_request(call, body, content_encoding, flow_id, conversations)
        ... reserve request.input_estimate + request.allowance, or answer refusal(call, ...)
    meter = Meter(call, request, status=..., headers=..., clock=time.time)
    for chunk in response:  rows = meter.feed(chunk)                commit rows at once
                            if meter.running.total > room: cut, then meter.close(Reason.CUT)
    rows = meter.close(reason)                                      always, on every path

A request that was sent but never answered: ``unanswered(call, request, clock, reason)``. A
WebSocket: :class:`WebSocketMeter`. Wire formats, rules and bounds: ``docs/metering.md``.

Names are loaded when first used: planning needs the host lists alone, and at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botbottle.meter.body import Limits
    from botbottle.meter.call import Call, Dialect, Kind
    from botbottle.meter.counting import count_request, parse_count
    from botbottle.meter.ending import unanswered
    from botbottle.meter.estimate import Conversations
    from botbottle.meter.hosts import (
        METERED_HOSTS,
        provider_of,
        unmetered_llm_host,
    )
    from botbottle.meter.meter import Meter
    from botbottle.meter.reason import Reason
    from botbottle.meter.recognise import identify
    from botbottle.meter.refusals import Refusal, busy_frame, refusal, refusal_frame
    from botbottle.meter.request import Request, read_request
    from botbottle.meter.settling import Settlement
    from botbottle.meter.websocket import Admission, WebSocketMeter

_HOMES = {
    "body": ("Limits",),
    "call": (
        "Call",
        "Dialect",
        "Kind",
    ),
    "counting": (
        "count_request",
        "parse_count",
    ),
    "estimate": ("Conversations",),
    "hosts": (
        "METERED_HOSTS",
        "provider_of",
        "unmetered_llm_host",
    ),
    "recognise": ("identify",),
    "ending": ("unanswered",),
    "meter": ("Meter",),
    "reason": ("Reason",),
    "refusals": (
        "Refusal",
        "busy_frame",
        "refusal",
        "refusal_frame",
    ),
    "request": (
        "Request",
        "read_request",
    ),
    "settling": ("Settlement",),
    "websocket": (
        "Admission",
        "WebSocketMeter",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


__all__ = [
    "METERED_HOSTS",
    "Admission",
    "Call",
    "Conversations",
    "Dialect",
    "Kind",
    "Limits",
    "Meter",
    "Reason",
    "Refusal",
    "Request",
    "Settlement",
    "WebSocketMeter",
    "busy_frame",
    "count_request",
    "identify",
    "parse_count",
    "provider_of",
    "read_request",
    "refusal",
    "refusal_frame",
    "unanswered",
    "unmetered_llm_host",
]
