"""Events of streams as the providers send them."""

from __future__ import annotations

import json
from typing import Any


def sse(*docs: Any) -> bytes:
    return b"".join(b"data: " + (d.encode() if isinstance(d, str) else json.dumps(d).encode())
                    + b"\n\n" for d in docs)  # fmt: skip


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
