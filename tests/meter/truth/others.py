"""Gemini, its batches, Vertex, Interactions, Bedrock Converse, Ollama."""

from __future__ import annotations

import random
from typing import Any

from .base import Sample, Step, Truth, ident, text, truth

GEMINI = "generativelanguage.googleapis.com"


def gemini_usage(t: Truth, rng: random.Random) -> dict[str, Any]:
    """Cached is inside the prompt; thoughts and tool use are beside."""
    tools = rng.randint(0, t.fresh)
    said = t.out - t.think
    usage = {
        "promptTokenCount": t.fresh - tools + t.read, "candidatesTokenCount": said,
        "totalTokenCount": t.fresh + t.read + t.out,
        "thoughtsTokenCount": t.think, "toolUsePromptTokenCount": tools,
        "cachedContentTokenCount": t.read,
    }  # fmt: skip
    return {k: v for k, v in usage.items() if v or k == "promptTokenCount"}


def _gemini_steps(rng: random.Random, t: Truth, row_id: str, count: int) -> list[Step]:
    steps = []
    for at in range(count):
        last, body = at == count - 1, text(rng)
        reported = t if last else Truth(t.fresh, t.read, out=t.out * at // count)
        candidate: dict[str, Any] = {"index": 0, "content": {"parts": [{"text": body}]}}
        if last:
            candidate["finishReason"] = "STOP"
        chunk = {"candidates": [candidate], "usageMetadata": gemini_usage(reported, rng),
                 "modelVersion": "gemini-z", "responseId": row_id}  # fmt: skip
        steps.append(
            Step(chunk, pieces=(body,), told=Truth(t.fresh, t.read), reported=reported.out)
        )
    steps[-1].rows = ((row_id, "gemini-z", t),)
    return steps


def gemini(rng: random.Random) -> Sample:
    """JSON, ``alt=sse`` or the array stream; of the API or of Vertex; Code Assist wraps."""
    t, row_id = truth(rng, writes=False), ident(rng, "g")
    framing = rng.choice(("json", "sse", "array"))
    steps = _gemini_steps(rng, t, row_id, 1 if framing == "json" else rng.randint(1, 7))
    host, head = rng.choice((
        (GEMINI, "/v1beta/models/gemini-z"),
        ("aiplatform.googleapis.com", "/v1/projects/p/locations/l/publishers/google/models/m"),
    ))  # fmt: skip
    verb = {"json": ":generateContent", "sse": ":streamGenerateContent?alt=sse",
            "array": ":streamGenerateContent"}[framing]  # fmt: skip
    if rng.random() < 0.2:
        host, head = "cloudcode-pa.googleapis.com", "/v1internal"
        for step in steps:
            step.doc = {"response": step.doc}
    return Sample(host, head + verb, "gemini", framing, steps)


def gemini_batch(rng: random.Random) -> Sample:
    """Results of a batch: inside it, in its order, or a file with a line for each."""
    inside, results, rows = rng.random() < 0.5, [], []
    for at in range(rng.randint(1, 6)):
        name = f"batches/{'b' * 20}/{at}" if inside else f"file:out-{'9' * 20}/{at + 1}"
        if rng.random() < 0.2:
            results.append({"key": "k", "error": {"code": 13, "message": "m"}})
            rows += [(name, "gemini-z", Truth())] if inside else []
            continue
        t = truth(rng, writes=False)
        usage = {"usageMetadata": gemini_usage(t, rng), "modelVersion": "gemini-z"}
        results.append({"key": "k", "response": usage})
        rows.append((name, "gemini-z", t))
    if inside:
        held = {"inlinedResponses": {"inlinedResponses": results}}
        doc = {"name": f"batches/{'b' * 20}", "metadata": {"model": "models/gemini-z"},
               "done": True, "response": held}  # fmt: skip
        return Sample(GEMINI, f"/v1beta/batches/{'b' * 20}", "gemini", "json",
                      [Step(doc, rows=tuple(rows))], method="GET", partial=False)  # fmt: skip
    told = {int(name.rpartition("/")[2]) - 1: (name, model, t) for name, model, t in rows}
    steps = [Step(line, rows=(told[at],) if at in told else ()) for at, line in enumerate(results)]
    return Sample(GEMINI, f"/download/v1beta/files/out-{'9' * 20}:download?alt=media", "gemini",
                  "lines", steps, method="GET", partial=False)  # fmt: skip


def interactions(rng: random.Random) -> Sample:
    """The Interactions API, plain or streamed."""
    t, row_id = truth(rng, writes=False), ident(rng, "int_")
    usage = {"total_input_tokens": t.fresh + t.read, "total_cached_tokens": t.read,
             "total_output_tokens": t.out - t.think, "total_thought_tokens": t.think,
             "total_tool_use_tokens": 0, "total_tokens": t.fresh + t.read + t.out}  # fmt: skip
    done = {"id": row_id, "model": "gemini-z", "status": "completed", "usage": usage}
    row = ((row_id, "gemini-z", t),)
    path = "/v1beta/interactions"
    if rng.random() < 0.5:
        return Sample(GEMINI, path, "gemini", "json", [Step(done, rows=row)])
    start = {"id": row_id, "model": "gemini-z", "status": "in_progress"}
    steps = [Step({"event_type": "interaction.created", "interaction": start})]
    for _ in range(rng.randint(0, 5)):
        body = text(rng)
        doc = {"event_type": "step.delta", "delta": {"type": "text", "text": body}}
        steps.append(Step(doc, pieces=(body,)))
    doc = {"event_type": "interaction.completed", "interaction": done}
    steps.append(Step(doc, rows=row))
    return Sample(GEMINI, path, "gemini", "sse", steps, request={"stream": True})


def _converse_usage(t: Truth) -> dict[str, Any]:
    details = [{"ttl": "5m", "inputTokens": t.write5}, {"ttl": "1h", "inputTokens": t.write60}]
    return {"inputTokens": t.fresh, "outputTokens": t.out,
            "totalTokens": sum(t.classes()[:5]), "cacheReadInputTokens": t.read,
            "cacheWriteInputTokens": t.write5 + t.write60, "cacheDetails": details}  # fmt: skip


def converse(rng: random.Random) -> Sample:
    """Bedrock Converse, plain or streamed."""
    t = truth(rng)
    t = Truth(t.fresh, t.read, t.write5, t.write60, t.out)
    row_id, host = ident(rng, "req-"), "bedrock-runtime.us-east-1.amazonaws.com"
    row, headers = ((row_id, "amazon.nova-z", t),), {"x-amzn-RequestId": row_id}
    if rng.random() < 0.4:
        doc = {"output": {"message": {"content": [{"text": text(rng)}]}}, "stopReason": "end_turn",
               "usage": _converse_usage(t)}  # fmt: skip
        return Sample(host, "/model/amazon.nova-z/converse", "bedrock", "json",
                      [Step(doc, rows=row)], headers=headers)  # fmt: skip
    steps = [Step({"role": "assistant"}, "event:messageStart")]
    for _ in range(rng.randint(0, 6)):
        body = text(rng)
        delta = rng.choice(({"text": body}, {"reasoningContent": {"text": body}},
                            {"toolUse": {"input": body}}))  # fmt: skip
        steps.append(Step({"contentBlockIndex": 0, "delta": delta, "p": "ab"},
                          "event:contentBlockDelta", (body,)))  # fmt: skip
    steps.append(Step({"stopReason": "end_turn"}, "event:messageStop"))
    doc = {"usage": _converse_usage(t), "metrics": {"latencyMs": 5}}
    steps.append(Step(doc, "event:metadata", rows=row))
    return Sample(host, "/model/amazon.nova-z/converse-stream", "bedrock", "aws", steps,
                  headers=headers)  # fmt: skip


def ollama(rng: random.Random) -> Sample:
    """Ollama's native chat: lines, or one line. It gives no id; the request's is used."""
    t = truth(rng, writes=False)
    t = Truth(t.fresh, t.read, out=t.out)
    steps = []
    if rng.random() < 0.7:
        for _ in range(rng.randint(0, 6)):
            body = text(rng)
            doc = {"model": "llama-z", "message": {"content": body}, "done": False}
            steps.append(Step(doc, pieces=(body,)))
    end = {"model": "llama-z", "message": {"content": ""}, "done": True,
           "prompt_eval_count": t.fresh + t.read, "eval_count": t.out}  # fmt: skip
    if t.read:
        end["prompt_eval_cached_count"] = t.read
    steps.append(Step(end, rows=(("flow-1", "llama-z", t),)))
    return Sample("ollama.com", "/api/chat", "ollama", "lines", steps)
