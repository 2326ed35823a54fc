"""Anthropic Messages: api.anthropic.com, Vertex, Foundry, Bedrock Invoke, batches."""

from __future__ import annotations

import random
from typing import Any

from .base import Sample, Step, Truth, ident, text, truth

PLACES = (
    ("api.anthropic.com", "/v1/messages?beta=true", "claude"),
    ("us-east5-aiplatform.googleapis.com",
     "/v1/projects/p/locations/l/publishers/anthropic/models/c@1:streamRawPredict", "claude"),
    ("res.services.ai.azure.com", "/anthropic/v1/messages", "claude"),
    ("openrouter.ai", "/api/v1/messages", "openrouter"),
)  # fmt: skip


def usage(t: Truth, rng: random.Random) -> dict[str, Any]:
    """The whole usage object."""
    return {
        "input_tokens": t.fresh,
        "output_tokens": t.out,
        "cache_read_input_tokens": t.read if t.read or rng.random() < 0.5 else None,
        "cache_creation_input_tokens": t.write5 + t.write60,
        "cache_creation": {
            "ephemeral_5m_input_tokens": t.write5,
            "ephemeral_1h_input_tokens": t.write60,
        },
        "output_tokens_details": {"thinking_tokens": t.think},
        "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 0},
        "service_tier": "standard",
    }


def with_iterations(
    t: Truth, full: dict[str, Any], rng: random.Random
) -> tuple[Truth, list[tuple[str, Truth]]]:
    """Add iterations: compaction joins the row's truth, an advisor is a row of its own."""
    items, sides = [{"type": "message", **{k: full[k] for k in ("input_tokens",)}}], []
    if rng.random() < 0.5:
        c = truth(rng)
        items.append({"type": "compaction", **usage(c, rng)})
        t = Truth(*(a + b for a, b in zip(t.classes(), c.classes(), strict=True)))
    if rng.random() < 0.5:
        a = truth(rng)
        items.append({"type": "advisor_message", "model": "adv-9", **usage(a, rng)})
        sides.append((f":iter:{len(items) - 1}", a))
    full["iterations"] = items
    return t, sides


def _rows(row_id: str, model: str, t: Truth, sides: list[tuple[str, Truth]]) -> tuple:
    return ((row_id, model, t), *((row_id + s, "adv-9", a) for s, a in sides))


def whole(rng: random.Random, place: tuple[str, str, str] = PLACES[0]) -> Sample:
    """A non-streaming answer."""
    host, path, provider = place
    t, row_id = truth(rng), ident(rng, "msg_")
    full = usage(t, rng)
    sides: list[tuple[str, Truth]] = []
    if rng.random() < 0.3:
        t, sides = with_iterations(t, full, rng)
    doc = {"id": row_id, "type": "message", "model": "claude-z", "usage": full,
           "content": [{"type": "text", "text": text(rng)}]}  # fmt: skip
    return Sample(
        host, path, provider, "json", [Step(doc, rows=_rows(row_id, "claude-z", t, sides))]
    )


def _delta(rng: random.Random) -> tuple[dict[str, Any], str]:
    body = text(rng)
    shape = rng.choice(
        (
            {"type": "text_delta", "text": body},
            {"type": "input_json_delta", "partial_json": body},
            {"type": "thinking_delta", "thinking": body},
            {"type": "signature_delta", "signature": "A" * 300},
        )
    )
    return shape, "" if shape["type"] == "signature_delta" else body


def stream(rng: random.Random, place: tuple[str, str, str] | None = None) -> Sample:
    """An event stream, of the real API or of a compatible server that tells the input late."""
    host, path, provider = place or rng.choice(PLACES)
    t, row_id = truth(rng), ident(rng, "msg_")
    late = rng.random() < 0.3
    full = usage(t, rng)
    sides: list[tuple[str, Truth]] = []
    final = t
    if rng.random() < 0.3:
        final, sides = with_iterations(t, full, rng)
    known = Truth(t.fresh, t.read, t.write5, t.write60)
    placeholder = min(rng.randint(1, 8), t.out)
    start = dict(full, output_tokens=placeholder, output_tokens_details=None, iterations=None)
    if late:
        start = {"input_tokens": 0, "output_tokens": 0}
        placeholder, known = 0, None
    elif not any(known.classes()):
        known = None
    steps = [
        Step({"type": "message_start", "message": {"id": row_id, "model": "claude-z",
              "usage": start}}, "message_start", told=known, reported=placeholder),
        Step({"type": "ping"}, "ping", told=known, reported=placeholder),
    ]  # fmt: skip
    for _ in range(rng.randint(0, 8)):
        shape, body = _delta(rng)
        doc = {"type": "content_block_delta", "index": 0, "delta": shape}
        pieces = (body,) if body else ()
        steps.append(Step(doc, "content_block_delta", pieces, known, placeholder))
    steps += _ending(rng, full, t, final, late, known, placeholder)
    steps[-2].rows = _rows(row_id, "claude-z", final, sides)  # final once the stop reason is told
    return Sample(host, path, provider, "sse", steps, request={"stream": True})


def _ending(
    rng: random.Random, full: dict[str, Any], t: Truth, final: Truth, late: bool,
    known: Truth | None, placeholder: int,
) -> list[Step]:  # fmt: skip
    steps = []
    if rng.random() < 0.4:  # server tools: cumulative numbers several times, some fields only
        middle = rng.randint(placeholder, max(placeholder, t.out))
        doc = {"type": "message_delta", "delta": {"stop_reason": None},
               "usage": {"output_tokens": middle}}  # fmt: skip
        steps.append(Step(doc, "message_delta", told=known, reported=middle))
    last = full if late or "iterations" in full or rng.random() < 0.5 else {
        "output_tokens": t.out, "output_tokens_details": full["output_tokens_details"]}  # fmt: skip
    told = Truth(*final.classes()[:4])
    doc = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}
    steps.append(Step(doc, "message_delta", told=told, reported=final.out))
    steps.append(Step({"type": "message_stop"}, "message_stop", told=told, reported=final.out))
    return steps


def bedrock(rng: random.Random) -> Sample:
    """The same documents, base64 in Bedrock's event stream; sometimes only metrics are full."""
    path = "/model/us.anthropic.claude-z-v1%3A0/invoke-with-response-stream"
    place = ("bedrock-runtime.eu-west-1.amazonaws.com", path, "bedrock")
    sample = stream(rng, place)
    sample.framing, sample.base64_payload = "aws", True
    for step in sample.steps:
        step.event = "event:chunk"
    (_, _, t), *_ = sample.steps[-2].rows
    if len(sample.steps[-2].doc["usage"].get("iterations", [])) == 0:
        sample.steps[-1].doc["amazon-bedrock-invocationMetrics"] = {
            "inputTokenCount": t.fresh, "outputTokenCount": t.out,
            "cacheReadInputTokenCount": t.read, "cacheWriteInputTokenCount": t.write5 + t.write60,
            "invocationLatency": 12, "firstByteLatency": 3}  # fmt: skip
    return sample


def batch(rng: random.Random) -> Sample:
    """Results of a batch: many rows in one response."""
    steps = []
    for at in range(rng.randint(1, 6)):
        if rng.random() < 0.2:
            kind = rng.choice(("errored", "canceled", "expired"))
            free = ((f"msgbatch_7/c{at}", "asked", Truth()),)
            steps.append(Step({"custom_id": f"c{at}", "result": {"type": kind}}, rows=free))
            continue
        t = truth(rng)
        message = {"id": ident(rng, "msg_"), "type": "message", "model": "claude-z",
                   "usage": usage(t, rng), "content": []}  # fmt: skip
        doc = {"custom_id": f"c{at}", "result": {"type": "succeeded", "message": message}}
        steps.append(Step(doc, rows=((f"msgbatch_7/c{at}", "claude-z", t),)))
    return Sample("api.anthropic.com", "/v1/messages/batches/msgbatch_7/results", "claude",
                  "lines", steps, method="GET", partial=False)  # fmt: skip
