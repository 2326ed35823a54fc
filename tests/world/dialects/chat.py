"""OpenAI Chat Completions and its relatives (Azure, OpenRouter, compatible servers).

Cached tokens are part of ``prompt_tokens``, reasoning is part of ``completion_tokens``. A stream
carries usage only when asked, in a chunk with ``choices: []`` after the ``finish_reason`` chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.world.dialects.common import (
    Tool,
    bill,
    dicts,
    error_words,
    pieces,
    sse,
    sse_reply,
    text_of,
    text_pieces,
    tool_of,
)
from tests.world.usage import Usage
from tests.world.wire import Call, Frame, Reply, compact, json_reply

CREATED = 1_790_000_000


def error(status: int, message: str) -> Any:
    """An error body."""
    kind = "insufficient_quota" if status == 429 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def usage_json(call: Call, usage: Usage) -> dict[str, Any]:
    """The ``usage`` object; OpenRouter adds what it cost."""
    data: dict[str, Any] = {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
    }
    if not call.script.has("no_details"):
        cached = {"cached_tokens": usage.cache_read, "audio_tokens": 0}
        if usage.cache_write:
            cached["cache_write_tokens"] = usage.cache_write
        data["prompt_tokens_details"] = cached
        data["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if call.request.host.endswith("openrouter.ai"):
        data |= {"cost": 0.0123, "cost_details": {"upstream_inference_cost": None}}
    return data


def completions(call: Call) -> Reply:
    """``POST …/chat/completions``."""
    ident = "" if call.script.has("no_response_id") else f"chatcmpl-{call.serial}"
    owed = [bill(call, ident or f"anonymous_{call.serial}")]
    if call.streaming:
        return sse_reply(call, events(call, ident), owed, error_event(call))
    body = _shell(call, ident, "chat.completion")
    body["choices"] = [_choice(call)]
    if call.script.omit_usage:
        return json_reply(body, bills=owed)
    body["usage"] = usage_json(call, call.usage)
    return json_reply(body, bills=owed, usage=call.usage)


def _shell(call: Call, ident: str, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = {"id": ident, "object": kind, "created": CREATED, "model": call.model}
    for quirk, key in (("no_response_id", "id"), ("no_model", "model")):
        if call.script.has(quirk):
            del body[key]
    return body


def _choice(call: Call) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text_of(call)}
    if tool := _tool(call):
        message["tool_calls"] = [_tool_call(call, tool)]
    return {"index": 0, "message": message, "finish_reason": _finish(call), "logprobs": None}


def _tool(call: Call) -> Tool | None:
    turns = dicts(call.data.get("messages"))
    if any(turn.get("role") == "tool" for turn in turns):
        return None
    offered = dicts([tool.get("function") for tool in dicts(call.data.get("tools"))])
    return tool_of(call, (str(function.get("name")) for function in offered))


def _tool_call(call: Call, tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "arguments": compact(tool.given)}
    return {"id": f"call_{call.serial}", "type": "function", "function": function}


def _finish(call: Call) -> str:
    return call.script.finish or ("tool_calls" if _tool(call) else "stop")


def error_event(call: Call) -> Frame:
    """An error in the middle of a stream."""
    kind, words = error_words(call, "server_error", "The server had an error")
    return Frame(sse({"error": {"message": words, "type": kind, "code": kind}}), "error")


def wants_usage(call: Call) -> bool:
    """Whether the stream ends with usage: asked for, or the host always sends it."""
    asked = any(
        options.get("include_usage") for options in dicts([call.data.get("stream_options")])
    )
    always = call.request.host.endswith("openrouter.ai")
    return (asked or always) and not call.script.omit_usage


def events(call: Call, ident: str) -> Iterator[Frame]:
    """The chunks of a stream, as frames."""
    asked = wants_usage(call)
    each = call.script.has("usage_every_chunk")
    if call.script.has("prompt_filter"):
        filters = {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
        yield Frame(sse(_shell(call, ident, "") | filters), "filter")
    if call.request.host.endswith("openrouter.ai"):
        yield Frame(b": OPENROUTER PROCESSING\n\n", "comment")
    done = 0
    for delta, finish in _deltas(call):
        text = str(delta.get("content") or "")
        done += len(text)
        value = _chunk(call, ident, delta, finish)
        known: Usage | None = None
        if each:
            grown = call.usage.output if finish else min(call.usage.output, done // 4)
            known = call.usage if finish else call.usage.input_only(grown)
            value["usage"] = usage_json(call, known)
        elif asked:
            value["usage"] = None
        last = bool(finish) and (each or not asked)
        yield Frame(sse(value), "finish" if finish else "chunk", known, last, text)
    yield from _tail(call, ident, asked=asked and not each)


def _deltas(call: Call) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": ""}, None
    for part in text_pieces(call):
        yield {"content": part}, None
    if tool := _tool(call):
        whole = _tool_call(call, tool)
        arguments = whole["function"]["arguments"]
        whole["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": 0, **whole}]}, None
        for part in pieces(arguments, 3):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, None
    yield {}, _finish(call)


def _chunk(call: Call, ident: str, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    body = _shell(call, ident, "chat.completion.chunk")
    body["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    if call.script.has("obfuscation"):
        body["obfuscation"] = "x" * call.rng.randint(1, 40)
    return body


def _tail(call: Call, ident: str, *, asked: bool) -> Iterator[Frame]:
    if asked:
        body = _shell(call, ident, "chat.completion.chunk")
        body |= {"choices": [], "usage": usage_json(call, call.usage)}
        yield Frame(sse(body), "usage", call.usage, terminal=True)
    if not call.script.has("no_done"):
        yield Frame(sse("[DONE]"), "[DONE]", terminal=True)


def generation(call: Call) -> Reply:
    """OpenRouter's ``GET /api/v1/generation?id=``: figures after the fact, never spend again."""
    ident = call.request.arg("id")
    return json_reply({"data": {"id": ident, "tokens_prompt": 0, "native_tokens_prompt": 0}})


def embeddings(call: Call) -> Reply:
    """``POST …/embeddings``: input tokens only."""
    usage = call.usage.without_cache().input_only()
    owed = [bill(call, f"embd-{call.serial}")]
    owed = [type(owed[0])(owed[0].response_id, call.model, usage)]
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
        "model": call.model,
        "usage": {"prompt_tokens": usage.total_input, "total_tokens": usage.total_input},
    }
    return json_reply(body, bills=owed, usage=usage)


def models(call: Call) -> Reply:
    """``GET /v1/models``."""
    names = ("claude-opus-5-5", "gpt-6.1-sol")
    data = [{"id": name, "object": "model", "created": CREATED} for name in names]
    return json_reply({"object": "list", "data": data})
