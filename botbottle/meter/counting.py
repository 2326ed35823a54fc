"""The providers' own counting endpoints, for ``preflight: exact``. Counting is never spend.

Bodies hold only the fields that the endpoint takes (the official SDKs' parameter types): it
refuses ``max_tokens``, ``stream`` and the like.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.estimate import parse_body
from botbottle.meter.recognise import CHATGPT
from botbottle.meter.tally import as_dict, count

_ANTHROPIC = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}
    | {"cache_control", "context_management", "mcp_servers", "output_format", "speed"}
)
_RESPONSES = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "conversation"}
    | {"previous_response_id", "reasoning", "text", "truncation", "parallel_tool_calls"}
    | {"personality"}
)
_CONVERSE = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})
_VERTEX = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})

# What a request may only name, and these endpoints do not take: without it their count is too low.
_NAMED = frozenset({"prompt", "cachedContent", "cached_content"})
CountRequest = tuple[str, str, bytes]  # method, path, body


def _dump(doc: dict[str, Any]) -> bytes:
    return json.dumps(doc, ensure_ascii=False).encode()


def _only(doc: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in doc.items() if name in names}


def _anthropic(call: Call, doc: dict[str, Any]) -> CountRequest:
    body = _only(doc, _ANTHROPIC)
    head, on_vertex, _ = call.path.partition("/publishers/anthropic/models/")
    if not on_vertex:
        return "POST", call.path.rstrip("/") + "/count_tokens", _dump(body)
    path = f"{head}{on_vertex}count-tokens:rawPredict"
    return "POST", path, _dump({"model": call.model, **body})


def _gemini(call: Call, doc: dict[str, Any]) -> CountRequest | None:
    if call.path.startswith("/v1internal"):
        return None  # Code Assist has its own wrapping, which is not documented
    path = call.path.rpartition(":")[0] + ":countTokens"
    if "/publishers/" in call.path:
        if not _NAMED.isdisjoint(doc):
            return None
        return "POST", path, _dump(_only(doc, _VERTEX))
    request = {"model": f"models/{call.model}", **doc}
    return "POST", path, _dump({"generateContentRequest": request})


def _bedrock(call: Call, doc: dict[str, Any]) -> CountRequest:
    path = call.path.rpartition("/")[0] + "/count-tokens"
    if call.dialect is Dialect.BEDROCK_CONVERSE:
        return "POST", path, _dump({"input": {"converse": _only(doc, _CONVERSE)}})
    body = base64.b64encode(_dump(doc)).decode()
    return "POST", path, _dump({"input": {"invokeModel": {"body": body}}})


def _starts(call: Call, doc: dict[str, Any]) -> bool:
    if call.kind is Kind.WEBSOCKET:
        return doc.get("type") == "response.create"
    return call.kind is Kind.GENERATE


def count_request(call: Call, body: bytes, content_encoding: str = "") -> CountRequest | None:
    """What to ask the same host to count the input of ``body``, or None when it has no way.

    ``body`` is that of a request, or a WebSocket frame that starts a response.
    Chat Completions, ChatGPT logins, Ollama and unknown dialects have none; OpenRouter and
    declared hosts promise none. The result carries no credentials.
    """
    doc = parse_body(body, content_encoding)
    if doc is None or not _starts(call, doc):
        return None
    if call.provider not in ("claude", "codex", "gemini", "azure", "bedrock"):
        return None
    match call.dialect:
        case Dialect.ANTHROPIC:
            return _anthropic(call, doc)
        case Dialect.OPENAI_RESPONSES if (
            call.host not in CHATGPT and call.path.endswith("/responses") and _NAMED.isdisjoint(doc)
        ):
            return "POST", call.path + "/input_tokens", _dump(_only(doc, _RESPONSES))
        case Dialect.GEMINI if "enerateContent" in call.path:
            return _gemini(call, doc)
        case Dialect.BEDROCK_INVOKE | Dialect.BEDROCK_CONVERSE:
            return _bedrock(call, doc)
        case _:
            return None


def parse_count(body: bytes, content_encoding: str = "") -> int | None:
    """Input tokens in a counting endpoint's answer, or None when it does not say."""
    doc = parse_body(body, content_encoding) or {}
    names = ("input_tokens", "totalTokens", "inputTokens", "total_tokens")
    found = (count(as_dict(doc).get(name)) for name in names)
    return next((number for number in found if number is not None), None)
