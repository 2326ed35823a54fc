"""Output in a shape that no reader knows: rather weighed as text than not at all.

Providers add kinds of deltas faster than anybody can follow. A streamed event that carries output
in none of the known places is looked through for strings; what is known to be no text of the
model's (ids, signatures, padding, media, sources of citations) is left out.
"""

from __future__ import annotations

from typing import Any

_SILENT = frozenset(
    {"id", "type", "object", "role", "model", "status", "event_type", "call_id", "item_id"}
    | {
        "tool_call_id",
        "toolUseId",
        "generation_id",
        "response_id",
        "format",
        "language",
        "mimeType",
    }
    | {"mimeType", "mime_type", "outcome", "obfuscation", "p", "logprobs", "content_filter_results"}
    | {"stop_reason", "stopReason", "stop_sequence", "finish_reason", "finishReason", "stop"}
    | {"completionReason", "signature", "thoughtSignature", "thought_signature", "extra_content"}
    | {"data", "bytes", "b64_json", "image", "images", "image_url", "inlineData", "inline_data"}
    | {"redactedContent", "encrypted_content", "citation", "citations", "annotations"}
    | {"search_results", "documents", "codeExecutionResult", "usage", "metadata", "meta"}
    | {"system_fingerprint", "service_tier", "provider", "native_finish_reason"}
)
_RESULT = "_result"  # how the types of what tools gave end: input of the model


def strings(value: Any) -> list[str]:
    """All strings below ``value`` that may be output, without recursion: depth is the sender's."""
    found, todo = [], [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict) and not str(item.get("type")).endswith(_RESULT):
            todo.extend(child for key, child in item.items() if key not in _SILENT)
        elif isinstance(item, list):
            todo.extend(item)
    return found
