"""What the meter needs to know of a request before its response comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botbottle.meter import references
from botbottle.meter.batches import BatchItem, bounded
from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.estimate import (
    FRAME_TOKENS,
    Conversations,
    estimate_document,
    parse_body,
)
from botbottle.meter.references import UNKNOWN_CONTEXT
from botbottle.meter.tally import as_dict, as_list, as_str, n

ALLOWANCE = 8_192  # output tokens reserved when the request asks for more or does not say
MAX_BATCH = 10_000  # requests of one batch that get a row of their own at creation

TOP = ""  # the document itself
_SNAKE, _CAMEL = "max_output_tokens", "maxOutputTokens"
_CONFIG = ("generationConfig", "generation_config")  # Gemini takes both spellings of every name
# Each family of models behind Bedrock's InvokeModel has a name of its own for its limit.
_FAMILIES = (
    "max_tokens", "maxTokens", "max_tokens_to_sample", "max_completion_tokens", "max_new_tokens",
    "max_gen_len", "maxTokenCount",
)  # fmt: skip
# Where a dialect's provider reads how much it may generate, reasoning included: (objects, names).
# It heeds no other spelling, so a small number in one would say nothing about the response.
LIMITS: Mapping[Dialect, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Dialect.ANTHROPIC: ((TOP,), ("max_tokens",)),
    Dialect.OPENAI_CHAT: ((TOP,), ("max_completion_tokens", "max_tokens")),
    Dialect.OPENAI_RESPONSES: ((TOP,), (_SNAKE,)),
    Dialect.GEMINI: (_CONFIG, (_CAMEL, _SNAKE)),
    Dialect.GEMINI_INTERACTIONS: (("generation_config",), (_SNAKE,)),
    Dialect.BEDROCK_INVOKE: ((TOP, "inferenceConfig", "textGenerationConfig"), _FAMILIES),
    Dialect.BEDROCK_CONVERSE: (("inferenceConfig",), ("maxTokens",)),
    Dialect.OLLAMA: (("options",), ("num_predict",)),
}
_MAX_CHOICES = 128


@dataclass(frozen=True, slots=True)
class Request:
    """Facts of one request. ``request_id`` is the sidecar's own, unique per request.

    ``input_estimate`` is in tokens and includes a stored conversation; that of a batch includes
    the output of its requests, because nothing can be cut once it is created. ``max_output`` is
    what the client allows for each choice (0: not said); ``allowance`` is the bounded part of it
    worth reserving. ``readable`` is False when the body was not a JSON object.
    """

    request_id: str
    model: str = ""
    input_estimate: int = 0
    max_output: int = 0
    choices: int = 1
    streams: bool = False
    tells_usage: bool = True  # False: a Chat stream without include_usage
    background: bool = False
    prewarm: bool = False
    readable: bool = True
    batch: tuple[BatchItem, ...] = ()

    @property
    def allowance(self) -> int:
        """Output tokens to reserve. Never ``max_output`` itself: clients ask for 128,000."""
        if self.batch:
            return 0
        return min(self.max_output or ALLOWANCE, ALLOWANCE) * self.choices

    @property
    def bound(self) -> int:
        """Output tokens that the provider stops at, reasoning included; 0: not said."""
        return self.max_output * self.choices


def _largest(doc: dict[str, Any], places: Iterable[str], names: tuple[str, ...]) -> int:
    found = (doc if place == TOP else as_dict(doc.get(place)) for place in places)
    return max((n(holder.get(name)) for holder in found for name in names), default=0)


def _max_output(doc: dict[str, Any], dialect: Dialect) -> int:
    return _largest(doc, *LIMITS.get(dialect, ((), ())))


def _choices(doc: dict[str, Any]) -> int:
    asked = _largest(doc, (TOP, *_CONFIG), ("n", "candidateCount", "candidate_count"))
    return min(max(asked, 1), _MAX_CHOICES)


def _context(doc: dict[str, Any], conversations: Conversations | None) -> int:
    previous = as_str(doc.get("previous_response_id")) or as_str(doc.get("previous_interaction_id"))
    named = references.stored(doc) + references.stored(as_dict(doc.get("request")))
    if previous and conversations is not None:
        return named + conversations.context(previous)
    return named + (UNKNOWN_CONTEXT if previous or doc.get("conversation") else 0)


def _batch_item(item: dict[str, Any]) -> BatchItem:
    params = as_dict(item.get("params"))
    size = estimate_document(params, Dialect.ANTHROPIC)
    allowance = min(_max_output(params, Dialect.ANTHROPIC) or ALLOWANCE, ALLOWANCE)
    return BatchItem(as_str(item.get("custom_id")), as_str(params.get("model")), size, allowance)


def _batch(call: Call, doc: dict[str, Any]) -> tuple[BatchItem, ...]:
    """Those of a batch of messages; OpenAI's are in a file, whatever else the body says."""
    if call.kind is not Kind.BATCH_CREATE or call.dialect is not Dialect.ANTHROPIC_BATCH:
        return ()
    items = [_batch_item(as_dict(item)) for item in as_list(doc.get("requests"))]
    return bounded(items, MAX_BATCH)


def _input(call: Call, doc: dict[str, Any], batch: tuple[BatchItem, ...]) -> int:
    if batch:
        return sum(item.input_estimate + item.allowance for item in batch)
    return estimate_document(doc, call.dialect)


def from_document(
    call: Call, doc: dict[str, Any], request_id: str, conversations: Conversations | None = None
) -> Request:
    """Facts of a parsed request body (also of a WebSocket ``response.create`` frame)."""
    chat_stream = call.dialect is Dialect.OPENAI_CHAT and doc.get("stream") is True
    asked = as_dict(doc.get("stream_options")).get("include_usage") is True
    prewarm = doc.get("generate") is False
    body = doc.get("request") if isinstance(doc.get("request"), dict) else doc  # Code Assist
    batch = _batch(call, doc)
    return Request(
        request_id=request_id,
        model=call.model or as_str(doc.get("model")),  # a path that names one decides
        input_estimate=_input(call, doc, batch) + _context(doc, conversations),
        max_output=_max_output(as_dict(body), call.dialect),
        choices=_choices(as_dict(body)),
        streams=doc.get("stream") is True or "stream" in call.path.rpartition("/")[2],
        tells_usage=asked or not chat_stream,
        background=doc.get("background") is True,
        prewarm=prewarm,
        batch=batch,
    )


def read_request(
    call: Call,
    body: bytes,
    content_encoding: str,
    request_id: str,
    conversations: Conversations | None = None,
) -> Request:
    """Facts of an encoded request body; never raises.

    An unreadable body (multipart, damaged, over the limit) is estimated from its bytes.
    """
    if not body and not call.gated:
        return Request(request_id, call.model)
    doc = parse_body(body, content_encoding)
    if doc is None:
        size = FRAME_TOKENS + len(body)
        return Request(request_id, call.model, size, readable=False)
    return from_document(call, doc, request_id, conversations)
