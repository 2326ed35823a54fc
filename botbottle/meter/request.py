"""What the meter needs to know of a request before its response comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botbottle.meter import references
from botbottle.meter.batches import BatchItem
from botbottle.meter.batching import requests_in
from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.estimate import (
    FRAME_TOKENS,
    Conversations,
    estimate_document,
    parse_body,
)
from botbottle.meter.limits import allowance, choices, max_output
from botbottle.meter.paths import JOBS
from botbottle.meter.references import UNKNOWN_CONTEXT
from botbottle.meter.tally import as_dict, as_str


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
        return allowance(self.max_output, self.choices)

    @property
    def bound(self) -> int:
        """Output tokens that the provider stops at, reasoning included; 0: not said."""
        return self.max_output * self.choices


def _context(doc: dict[str, Any], conversations: Conversations | None) -> int:
    previous = as_str(doc.get("previous_response_id")) or as_str(doc.get("previous_interaction_id"))
    named = references.stored(doc) + references.stored(as_dict(doc.get("request")))
    if previous and conversations is not None:
        return named + conversations.context(previous)
    return named + (UNKNOWN_CONTEXT if previous or doc.get("conversation") else 0)


def _input(call: Call, doc: dict[str, Any], batch: tuple[BatchItem, ...]) -> int:
    if batch:
        return sum(item.input_estimate + item.allowance for item in batch)
    return estimate_document(doc, call.dialect) + UNKNOWN_CONTEXT * _is_job(call)


def _is_job(call: Call) -> bool:
    """Whether a model works on, with what is stored elsewhere, after the request is answered."""
    return call.kind is Kind.GENERATE and JOBS.fullmatch(call.path) is not None


def _streams(call: Call, doc: dict[str, Any]) -> bool:
    """Whether the answer is asked for in events; Ollama's are unless that is declined."""
    asked = doc.get("stream")
    named = "stream" in call.path.rpartition("/")[2].lower()
    return asked is True or named or (call.dialect is Dialect.OLLAMA and asked is None)


def from_document(
    call: Call, doc: dict[str, Any], request_id: str, conversations: Conversations | None = None
) -> Request:
    """Facts of a parsed request body (also of a WebSocket ``response.create`` frame)."""
    chat_stream = call.dialect is Dialect.OPENAI_CHAT and doc.get("stream") is True
    asked = as_dict(doc.get("stream_options")).get("include_usage") is True
    prewarm = doc.get("generate") is False
    body = doc.get("request") if isinstance(doc.get("request"), dict) else doc  # Code Assist
    batch = requests_in(call, doc)
    return Request(
        request_id=request_id,
        model=call.model or as_str(doc.get("model")),  # a path that names one decides
        input_estimate=_input(call, doc, batch) + _context(doc, conversations),
        max_output=max_output(as_dict(body), call.dialect),
        choices=choices(as_dict(body)),
        streams=_streams(call, doc),
        tells_usage=asked or not chat_stream,
        background=doc.get("background") is True or _is_job(call),
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
        job = _is_job(call)
        size = FRAME_TOKENS + len(body) + UNKNOWN_CONTEXT * job
        return Request(request_id, call.model, size, background=job, readable=False)
    return from_document(call, doc, request_id, conversations)
