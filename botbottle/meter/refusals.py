"""Say "the budget is spent" so that the client at the other end stops instead of retrying.

Each shape was chosen by running the real clients against it: Claude Code stops after one request
on 402 but retries a plain 429 for a minute; Codex stops at once on 429 ``insufficient_quota`` but
sends 30 requests on 503. The table is in ``docs/metering.md``. A refusal costs no lookup and no
body parsing, so that a retry storm stays cheap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botbottle.meter.call import Call, Dialect
from botbottle.meter.hosts import BEDROCK, CLAUDE, GEMINI, OLLAMA

RETRY_AFTER_DEFAULT = 3600  # seconds; clients that obey it give up


@dataclass(frozen=True, slots=True)
class Refusal:
    """A complete HTTP response: status, headers, JSON body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def anthropic_error(message: str) -> dict[str, Any]:
    """Error document of the Messages API."""
    return {"type": "error", "error": {"type": "billing_error", "message": message}}


def openai_error(message: str) -> dict[str, Any]:
    """Error document of the OpenAI APIs; ``insufficient_quota`` is what clients do not retry."""
    kind = "insufficient_quota"
    return {"error": {"type": kind, "code": kind, "param": None, "message": message}}


def _google_error(message: str) -> dict[str, Any]:
    return {"error": {"code": 402, "message": message, "status": "RESOURCE_EXHAUSTED"}}


_UNKNOWN_SPOKEN = {
    CLAUDE: Dialect.ANTHROPIC,
    GEMINI: Dialect.GEMINI,
    BEDROCK: Dialect.BEDROCK_CONVERSE,
    OLLAMA: Dialect.OLLAMA,
}


def _spoken(call: Call) -> Dialect:
    """The dialect to refuse in; for an unknown path, the one its provider mostly speaks."""
    unknown = call.dialect is Dialect.UNKNOWN
    return _UNKNOWN_SPOKEN.get(call.provider, call.dialect) if unknown else call.dialect


def _shape(call: Call, message: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    match _spoken(call):
        case Dialect.ANTHROPIC | Dialect.ANTHROPIC_BATCH:
            return 402, anthropic_error(message), {}
        case Dialect.GEMINI | Dialect.GEMINI_BATCH | Dialect.GEMINI_INTERACTIONS:
            return 402, _google_error(message), {}
        case Dialect.BEDROCK_INVOKE | Dialect.BEDROCK_CONVERSE:
            # Claude Code in Bedrock mode stops on 402 as it does on the Messages API; the AWS
            # SDKs read the type header and do not retry an AccessDenied-class error.
            return 402, {"message": message}, {"x-amzn-errortype": "ServiceQuotaExceededException"}
        case Dialect.OLLAMA:
            return 402, {"error": message}, {}
        case _:
            return 429, openai_error(message), {}


def _busy(call: Call, message: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """As the provider itself says that one asks too much at once: clients ask again."""
    match _spoken(call):
        case Dialect.ANTHROPIC | Dialect.ANTHROPIC_BATCH:
            error = {"type": "rate_limit_error", "message": message}
            return 429, {"type": "error", "error": error}, {}
        case Dialect.GEMINI | Dialect.GEMINI_BATCH | Dialect.GEMINI_INTERACTIONS:
            return 429, {"error": {**_google_error(message)["error"], "code": 429}}, {}
        case Dialect.BEDROCK_INVOKE | Dialect.BEDROCK_CONVERSE:
            return 429, {"message": message}, {"x-amzn-errortype": "ThrottlingException"}
        case Dialect.OLLAMA:
            return 429, {"error": message}, {}
        case _:
            kind = {"type": "tokens", "code": "rate_limit_exceeded"}
            return 429, {"error": {**kind, "param": None, "message": message}}, {}


def refusal(
    call: Call, *, message: str, retry_after: float | None = None, transient: bool = False
) -> Refusal:
    """The refusal of one request, in its client's own dialect.

    ``retry_after`` is in seconds until the budget's window ends; None means "not soon".
    ``transient``: it is worth asking again, as soon as other requests have ended.
    """
    status, document, extra = _busy(call, message) if transient else _shape(call, message)
    seconds = RETRY_AFTER_DEFAULT if retry_after is None else max(1, round(retry_after))
    headers = {
        "content-type": "application/json",
        **({} if transient else {"x-should-retry": "false"}),
        "retry-after": str(seconds),
        "x-botbottle-refused": "budget",
        **extra,
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    return Refusal(status, (*headers.items(), ("content-length", str(len(body)))), body)


def refusal_frame(*, message: str, retry_after: float | None = None, stream_id: str = "") -> bytes:
    """The frame to inject instead of a refused ``response.create`` of a WebSocket.

    Codex stops after one request on this shape; on other statuses it reconnects and then falls
    back to HTTPS. ``retry_after`` is in seconds.
    """
    error: dict[str, Any] = {"type": "usage_limit_reached", "code": "usage_limit_reached"}
    error["message"] = message
    if retry_after is not None:
        error["resets_in_seconds"] = max(1, round(retry_after))
    return _frame({"type": "error", "status": 429, "error": error}, stream_id)


def busy_frame(
    call: Call, *, message: str, retry_after: float | None = None, stream_id: str = ""
) -> bytes:
    """As :func:`refusal_frame`, where it is worth asking again: as the provider itself says so.

    On a socket of the Responses API this is a response that failed: with this code Codex asks for
    it again, where it ends its turn on a status of 429.
    """
    seconds = max(1, round(retry_after or 1))
    text = f"{message}. Please try again in {seconds}s."
    if call.dialect is not Dialect.OPENAI_RESPONSES:
        kind = {"type": "rate_limit_error", "code": "rate_limit_exceeded"}
        return _frame(
            {"type": "error", "status": 429, "error": {**kind, "message": text}}, stream_id
        )
    error = {"code": "rate_limit_exceeded", "message": text}
    failed = {"id": "resp_refused", "object": "response", "status": "failed", "error": error}
    response = {**failed, "output": [], "usage": None}
    return _frame({"type": "response.failed", "response": response}, stream_id)


def _frame(document: dict[str, Any], stream_id: str) -> bytes:
    where = {"stream_id": stream_id} if stream_id else {}
    return json.dumps({**document, **where}, ensure_ascii=False).encode()
