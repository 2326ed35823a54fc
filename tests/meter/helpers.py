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

CLAUDE = ("api.anthropic.com", "/v1/messages")
CHAT = ("api.openai.com", "/v1/chat/completions")
RESPONSES = ("api.openai.com", "/v1/responses")
GEMINI = ("generativelanguage.googleapis.com", "/v1beta/models/gemini-z:generateContent")
CONVERSE = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse")
Place = tuple[str, str]


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


def sse(*docs: Any) -> bytes:
    return b"".join(b"data: " + (d.encode() if isinstance(d, str) else json.dumps(d).encode())
                    + b"\n\n" for d in docs)  # fmt: skip


def feed(m: Meter, *chunks: bytes) -> list[Exchange]:
    return [row for chunk in chunks for row in m.feed(chunk)]


def whole(m: Meter, *chunks: bytes, reason: Reason = Reason.COMPLETE) -> list[Exchange]:
    return feed(m, *chunks) + m.close(reason)


def only(rows: Iterable[Exchange]) -> Exchange:
    (row,) = rows
    return row


def message_start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "model": "claude-z",
            "usage": {"input_tokens": 100, "output_tokens": 4, **usage}}}  # fmt: skip


def text_delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}


def message_delta(stop: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}


MESSAGE_STOP = {"type": "message_stop"}


def completed(response_id: str = "resp_1", kind: str = "completed", **usage: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {"id": response_id, "status": kind,
            "model": "gpt-z", "usage": usage or None}}  # fmt: skip


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
