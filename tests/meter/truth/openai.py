"""OpenAI Chat, Responses, batches, and the compatible hosts."""

from __future__ import annotations

import random
from typing import Any

from .base import Sample, Step, Truth, ident, text, truth

CHAT_PLACES = (
    ("api.openai.com", "/v1/chat/completions", "codex"),
    ("res.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1", "azure"),
    ("openrouter.ai", "/api/v1/chat/completions", "openrouter"),
    ("llm.corp.example", "/v1/chat/completions", "corp"),
)
RESPONSES_PLACES = (
    ("api.openai.com", "/v1/responses", "codex"),
    ("chatgpt.com", "/backend-api/codex/responses", "codex"),
    ("res.openai.azure.com", "/openai/v1/responses", "azure"),
)


def chat_usage(t: Truth) -> dict[str, Any]:
    """Input includes the cache classes, output the reasoning."""
    given = t.fresh + t.read + t.write5
    return {
        "prompt_tokens": given, "completion_tokens": t.out, "total_tokens": given + t.out,
        "prompt_tokens_details": {"cached_tokens": t.read, "cache_write_tokens": t.write5},
        "completion_tokens_details": {"reasoning_tokens": t.think, "audio_tokens": 0},
    }  # fmt: skip


def responses_usage(t: Truth) -> dict[str, Any]:
    """The same with the other names, and the writes split by TTL."""
    given = t.fresh + t.read + t.write5 + t.write60
    return {
        "input_tokens": given, "output_tokens": t.out, "total_tokens": given + t.out,
        "input_tokens_details": {
            "cached_tokens": t.read, "cache_write_tokens": t.write5 + t.write60,
            "cache_write_tokens_details": {"ttl_30m_tokens": t.write60, "ttl_12h_tokens": 0},
        },
        "output_tokens_details": {"reasoning_tokens": t.think},
    }  # fmt: skip


def _chat_truth(rng: random.Random) -> Truth:
    t = truth(rng)
    return Truth(t.fresh, t.read, t.write5, 0, t.out, t.think)


def chat_whole(rng: random.Random) -> Sample:
    """A non-streaming completion."""
    host, path, provider = rng.choice(CHAT_PLACES)
    t, row_id = _chat_truth(rng), ident(rng, "chatcmpl-")
    doc = {"id": row_id, "object": "chat.completion", "model": "gpt-z",
           "choices": [{"message": {"content": text(rng)}, "finish_reason": "stop"}],
           "usage": chat_usage(t)}  # fmt: skip
    return Sample(host, path, provider, "json", [Step(doc, rows=((row_id, "gpt-z", t),))])


def chat_stream(rng: random.Random) -> Sample:
    """Usage after the finish, in the finish, or growing in every chunk."""
    host, path, provider = rng.choice(CHAT_PLACES)
    t, row_id = _chat_truth(rng), ident(rng, "chatcmpl-")
    style = rng.choice(("after", "with", "growing"))
    base = {"id": row_id, "object": "chat.completion.chunk", "model": "gpt-z", "usage": None}
    steps: list[Step] = []
    if "azure" in host:
        steps.append(Step({**base, "choices": [], "prompt_filter_results": [{"x": 1}]}))
    if provider == "openrouter":
        steps.append(Step(None))  # a comment line as keep-alive
    known: Truth | None = None
    reported = 0
    for _ in range(rng.randint(0, 8)):
        body = text(rng)
        name = rng.choice(("content", "reasoning_content", "refusal"))
        chunk = {**base, "choices": [{"index": 0, "delta": {name: body}, "finish_reason": None}]}
        if style == "growing":
            reported = min(t.out, reported + 3)
            chunk["usage"] = chat_usage(Truth(t.fresh, t.read, t.write5, 0, reported))
            known = _input_of(t)
        steps.append(Step(chunk, pieces=(body,), told=known, reported=reported))
    finish = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    row = ((row_id, "gpt-z", t),)
    if style == "after":
        steps.append(Step(finish))
        steps.append(Step({**base, "choices": [], "usage": chat_usage(t)}, rows=row))
        steps.append(Step("[DONE]"))
    else:
        # Committed at the end mark; if cut before it, the numbers are already known final.
        steps.append(Step({**finish, "usage": chat_usage(t)}, rows=row))
        steps.append(Step("[DONE]"))
    request = {"stream": True, "stream_options": {"include_usage": True}}
    return Sample(host, path, provider, "sse", steps, request=request)


def _input_of(t: Truth) -> Truth | None:
    told = Truth(t.fresh, t.read, t.write5, t.write60)
    return told if any(told.classes()) else None


def _tool(rng: random.Random, row_id: str) -> tuple[dict[str, Any], tuple]:
    if rng.random() < 0.8:
        return {"web_search": {"num_requests": 2}}, ()
    t = Truth(fresh=rng.randint(1, 5000), out=rng.randint(1, 5000))
    used = {"input_tokens": t.fresh, "output_tokens": t.out, "total_tokens": t.fresh + t.out}
    return {"image_gen": used}, ((f"{row_id}:tool:image_gen", "image_gen", t),)


def responses_whole(rng: random.Random) -> Sample:
    """A non-streaming response, a compaction, or a poll of a background response."""
    host, path, provider = rng.choice(RESPONSES_PLACES)
    t, row_id = truth(rng), ident(rng, "resp_")
    shape = rng.choice(("create", "compact", "poll"))
    tools, sides = _tool(rng, row_id)
    doc = {"id": row_id, "object": "response", "status": "completed", "model": "gpt-z",
           "usage": responses_usage(t), "tool_usage": tools,
           "output": [{"type": "message", "content": [{"text": text(rng)}]}]}  # fmt: skip
    method = "POST"
    if shape == "compact":
        doc = {"id": row_id, "object": "response.compaction", "output": [],
               "model": "gpt-z", "usage": responses_usage(t)}  # fmt: skip
        path, sides = path + "/compact", ()
    elif shape == "poll":
        path, method = f"{path}/{row_id}", "GET"
    return Sample(host, path, provider, "json", [Step(doc, rows=((row_id, "gpt-z", t), *sides))],
                  method=method, partial=shape != "poll")  # fmt: skip


def responses_events(rng: random.Random, row_id: str, t: Truth) -> list[Step]:
    """The events of one response, terminal last."""
    shell = {"id": row_id, "object": "response", "model": "gpt-z", "usage": None}
    steps = [
        Step({"type": kind, "response": {**shell, "status": "in_progress"}}, kind)
        for kind in ("response.created", "response.in_progress")
    ]
    for _ in range(rng.randint(0, 8)):
        body = text(rng)
        kind = rng.choice(("output_text", "function_call_arguments", "reasoning_text", "refusal"))
        doc = {"type": f"response.{kind}.delta", "delta": body, "obfuscation": "p" * 30}
        steps.append(Step(doc, doc["type"], (body,)))
    steps.append(Step({"type": "response.output_text.done", "text": "all of it again"}))
    tools, sides = _tool(rng, row_id)
    status = rng.choice(("completed", "incomplete"))
    final = {**shell, "status": status, "usage": responses_usage(t), "tool_usage": tools}
    kind = f"response.{status}"
    rows = ((row_id, "gpt-z", t), *sides)
    steps.append(Step({"type": kind, "response": final}, kind, rows=rows))
    return steps


def responses_stream(rng: random.Random) -> Sample:
    """An event stream of the Responses API."""
    host, path, provider = rng.choice(RESPONSES_PLACES)
    steps = responses_events(rng, ident(rng, "resp_"), truth(rng))
    return Sample(host, path, provider, "sse", steps, request={"stream": True})


def batch(rng: random.Random) -> Sample:
    """An output file of a batch, mixed with lines that are not results."""
    steps = []
    for at in range(rng.randint(1, 6)):
        if rng.random() < 0.2:
            steps.append(Step({"id": f"x{at}", "custom_id": "c", "response": None, "error": {}}))
            continue
        t, line_id = truth(rng), ident(rng, "batch_req_")
        if rng.random() < 0.5:
            t = Truth(t.fresh, t.read, t.write5, 0, t.out, t.think)
            body = {"id": ident(rng, "chatcmpl-"), "model": "gpt-z", "usage": chat_usage(t)}
        else:
            body = {"id": ident(rng, "resp_"), "model": "gpt-z", "usage": responses_usage(t)}
        doc = {"id": line_id, "custom_id": f"c{at}",
               "response": {"status_code": 200, "request_id": "r", "body": body}}  # fmt: skip
        steps.append(Step(doc, rows=((f"file:file-1/{line_id}", "gpt-z", t),)))
    return Sample("api.openai.com", "/v1/files/file-1/content", "codex", "lines", steps,
                  method="GET", partial=False)  # fmt: skip
