"""The output items of a Responses response, and the events that announce each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.world.dialects.common import Tool, dicts, pieces, text_of, text_pieces, tool_of
from tests.world.wire import Call, compact

type Event = tuple[dict[str, Any], None, str]

# Item type -> (the field that streams in pieces, the middle of its event names).
STREAMED = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
}


def output(call: Call) -> list[dict[str, Any]]:
    """The items; the text is drawn anew each time, so call it once a response."""
    return [*_reasoning(call), _final(call)]


def _reasoning(call: Call) -> list[dict[str, Any]]:
    if not call.usage.reasoning:
        return []
    return [{"type": "reasoning", "id": f"rs_{call.serial}", "summary": []}]


def _final(call: Call) -> dict[str, Any]:
    if tool := _tool(call):
        return _tool_call(call, tool)
    part = {"type": "output_text", "text": text_of(call), "annotations": []}
    head = {"type": "message", "id": f"msg_{call.serial}", "role": "assistant"}
    return head | {"status": "completed", "content": [part]}


def _tool(call: Call) -> Tool | None:
    turns = dicts(call.data.get("input"))
    if any(str(turn.get("type", "")).endswith("_call_output") for turn in turns):
        return None
    return tool_of(call, _offered(call, turns))


def _offered(call: Call, turns: list[dict[str, Any]]) -> Iterator[str]:
    """Tool names, also inside namespaces and ``additional_tools`` items (Codex sends those)."""
    groups = [call.data.get("tools"), *(turn.get("tools") for turn in turns)]
    for tool in (tool for group in groups for tool in dicts(group)):
        yield str(tool.get("name"))
        yield from (str(inner.get("name")) for inner in dicts(tool.get("tools")))


def _tool_call(call: Call, tool: Tool) -> dict[str, Any]:
    custom = isinstance(tool.given, str)
    kind = "custom_tool_call" if custom else "function_call"
    item = {
        "type": kind,
        "id": f"{'ctc' if custom else 'fc'}_{call.serial}",
        "call_id": f"call_{call.serial}",
        "name": tool.name,
        STREAMED[kind][0]: tool.given if custom else compact(tool.given),
        "status": "completed",
    }
    return item | ({"namespace": tool.namespace} if tool.namespace else {})


def events(call: Call, item: dict[str, Any], index: int) -> Iterator[Event]:
    """The events of one item, as (JSON, nothing known of usage, generated text)."""
    yield _event("output_item.added", index, item=_opened(item)), None, ""
    if item["type"] == "message":
        yield from _text_events(call, item, index)
    elif item["type"] in STREAMED:
        yield from _streamed(item, index)
    yield _event("output_item.done", index, item=item), None, ""


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {}
    if item["type"] in STREAMED:
        empty = {STREAMED[item["type"]][0]: ""}
    return item | empty | ({"status": "in_progress"} if "status" in item else {})


def _streamed(item: dict[str, Any], index: int) -> Iterator[Event]:
    key, name = STREAMED[item["type"]]
    for part in pieces(item[key], 3):
        yield _event(f"{name}.delta", index, delta=part, item_id=item["id"]), None, ""
    yield _event(f"{name}.done", index, **{key: item[key]}, item_id=item["id"]), None, ""


def _text_events(call: Call, item: dict[str, Any], index: int) -> Iterator[Event]:
    part = item["content"][0]
    where = {"item_id": item["id"], "content_index": 0}
    yield _event("content_part.added", index, part=part | {"text": ""}, **where), None, ""
    for text in text_pieces(call, part["text"]):
        yield _event("output_text.delta", index, delta=text, **where), None, text
    yield _event("output_text.done", index, text=part["text"], **where), None, ""
    yield _event("content_part.done", index, part=part, **where), None, ""


def _event(name: str, index: int, **rest: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", "output_index": index, **rest}
