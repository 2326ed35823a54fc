"""Short ways to say "this response passed through the meter"."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from botbottle.meter import (
    Call,
    Conversations,
    Meter,
    Reason,
    Settlement,
    WebSocketMeter,
    identify,
    read_request,
)
from botbottle.meter.request import Request
from botbottle.model.usage import Exchange

from .places import Place


def clock() -> float:
    return 1000.0


def call(place: Place, method: str = "POST", hosts: dict[str, str] | None = None) -> Call:
    found = identify(place[0], method, place[1], {}, hosts or {})
    assert found is not None
    return found


def request(where: Call, **body: Any) -> Request:
    return read_request(where, json.dumps({"model": "asked", **body}).encode(), "", "flow-1")


def meter(
    place: Place, content_type: str = "text/event-stream", *, method: str = "POST",
    status: int = 200, hosts: dict[str, str] | None = None, body: dict[str, Any] | None = None,
    **headers: str,
) -> Meter:  # fmt: skip
    where = call(place, method, hosts)
    given = {"content-type": content_type, **{k.replace("_", "-"): v for k, v in headers.items()}}
    asked = request(where, **(body or {}))
    return Meter(where, asked, status=status, headers=given, clock=clock)


def feed(m: Meter, *chunks: bytes) -> list[Exchange]:
    return [row for chunk in chunks for row in m.feed(chunk)]


def whole(m: Meter, *chunks: bytes, reason: Reason = Reason.COMPLETE) -> list[Exchange]:
    return feed(m, *chunks) + m.close(reason)


def only(rows: Iterable[Exchange]) -> Exchange:
    (row,) = rows
    return row


def socket(path: str = "/v1/responses", known: Conversations | None = None) -> WebSocketMeter:
    """The meter of a socket that was just opened."""
    where = identify("api.openai.com", "GET", path, {"upgrade": "websocket"}, {})
    assert where is not None
    return WebSocketMeter(where, "ws", clock=clock, conversations=known)


def ask(m: WebSocketMeter, kind: str = "response.create", **body: Any) -> str:
    """A client frame is admitted and sent; the id of its admission."""
    admission = m.client_frame(json.dumps({"type": kind, **body}).encode())
    assert admission is not None
    m.sent(admission)
    return admission.request.request_id


def answer(m: WebSocketMeter, *docs: Any) -> list[Settlement]:
    """Frames of the provider's arrive."""
    return [s for doc in docs for s in m.server_frame(json.dumps(doc).encode())]
