"""Anthropic's message batches: no usage until the results are read, and then in every line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.world.dialects import anthropic
from tests.world.dialects.common import dicts
from tests.world.usage import draw, total
from tests.world.wire import Bill, Call, Frame, Reply, compact, json_reply, remember


def create(call: Call) -> Reply:
    """``POST /v1/messages/batches``: no usage yet."""
    ident = f"msgbatch_{call.serial}"
    items = dicts(call.data.get("requests"))
    remember(call.memory.batches, ident, items)
    return json_reply(_batch(call, ident))


def get(call: Call) -> Reply:
    """``GET /v1/messages/batches/{id}``."""
    ident = call.request.path.split("/")[4]
    if ident not in call.memory.batches:
        return json_reply(anthropic.error(404, "no such batch"), status=404)
    return json_reply(_batch(call, ident))


def _batch(call: Call, ident: str) -> dict[str, Any]:
    request = call.request
    site = f"{'https' if request.tls else 'http'}://{request.authority}"
    count = len(call.memory.batches[ident])
    return {
        "id": ident,
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": {"processing": 0, "succeeded": count, "errored": 0},
        "results_url": f"{site}/v1/messages/batches/{ident}/results",
    }


def results(call: Call) -> Reply:
    """``GET /v1/messages/batches/{id}/results``: JSONL, the same however often it is read."""
    ident = call.request.path.split("/")[4]
    frames: list[Frame] = []
    bills: list[Bill] = []
    items = call.memory.batches.get(ident, [])
    for item in items:
        one = _batch_call(call, ident, item)
        key = f"{ident}:{item.get('custom_id')}"
        bills.append(Bill(key, one.model, one.usage))
        result = {"type": "succeeded", "message": anthropic.message(one, f"msg_{key}")}
        line = compact({"custom_id": item.get("custom_id"), "result": result}) + "\n"
        known = total(one.usage for one in bills)
        frames.append(Frame(line.encode(), "line", known, terminal=item is items[-1]))
    return Reply(200, [("content-type", "application/x-jsonl")], frames, True, bills=bills)


def _batch_call(call: Call, ident: str, item: Mapping[str, Any]) -> Call:
    params = item.get("params") or {}
    rng = type(call.rng)(f"{ident}:{item.get('custom_id')}")
    usage = draw(rng, len(compact(params))).override(call.script.usage)
    model = str(params.get("model", ""))
    return Call(
        call.request, call.script, usage, rng, call.memory, params, model, serial=call.serial
    )
