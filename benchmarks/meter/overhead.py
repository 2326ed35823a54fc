"""Added time per streamed event: the metered pass-through against the plain one, interleaved.

In process and without sockets, so that the figure is the meter's own: what is measured is the
call that the proxy makes for each chunk. One chunk is one event, as providers flush them.
"""

from __future__ import annotations

import json
import statistics
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import brotli
import zstandard

from botbottle.meter import Meter, identify, read_request

EVENTS = 4_000
ROUNDS = 5
TEXT = "a dozen words of ordinary text, "


def _claude() -> list[dict[str, Any]]:
    start = {"type": "message_start", "message": {"id": "msg_1", "model": "c",
             "usage": {"input_tokens": 10, "output_tokens": 1}}}  # fmt: skip
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": TEXT},
    }
    end = {"type": "message_delta", "delta": {"stop_reason": "x"}, "usage": {"output_tokens": 9}}
    return [start, *[delta] * EVENTS, end, {"type": "message_stop"}]


def _responses() -> list[dict[str, Any]]:
    delta = {"type": "response.output_text.delta", "delta": TEXT, "item_id": "msg_" + "a" * 40,
             "output_index": 0, "content_index": 0, "sequence_number": 7, "logprobs": [],
             "obfuscation": "x" * 20}  # fmt: skip
    end = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed",
           "usage": {"input_tokens": 10, "output_tokens": 9}}}  # fmt: skip
    return [*[delta] * EVENTS, end]


def _chat() -> list[dict[str, Any]]:
    shell = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "g", "created": 1}
    delta = {**shell, "choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": None}]}
    finish = {**shell, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {**shell, "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 9}}
    return [*[delta] * EVENTS, finish, usage]


STREAMS: dict[str, tuple[str, str, Callable[[], list[dict[str, Any]]]]] = {
    "anthropic": ("api.anthropic.com", "/v1/messages", _claude),
    "openai_responses": ("api.openai.com", "/v1/responses", _responses),
    "openai_chat": ("api.openai.com", "/v1/chat/completions", _chat),
}


def _encoded(parts: Iterable[bytes], encoding: str) -> list[bytes]:
    if encoding == "gzip":
        z = zlib.compressobj(6, wbits=31)
        return [z.compress(p) + z.flush(zlib.Z_SYNC_FLUSH) for p in parts]
    if encoding == "br":
        b = brotli.Compressor(quality=4)
        return [b.process(p) + b.flush() for p in parts]
    if encoding == "zstd":
        c = zstandard.ZstdCompressor(level=1).compressobj()
        return [c.compress(p) + c.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for p in parts]
    return list(parts)


def _times(handle: Callable[[bytes], object], chunks: list[bytes]) -> list[int]:
    clock, taken = time.perf_counter_ns, []
    for chunk in chunks:
        before = clock()
        handle(chunk)
        taken.append(clock() - before)
    return taken


def _meter(host: str, path: str, encoding: str) -> Meter:
    call = identify(host, "POST", path, {}, {})
    assert call is not None
    headers = {"content-type": "text/event-stream", "content-encoding": encoding}
    request = read_request(call, b'{"stream":true}', "", "flow")
    return Meter(call, request, status=200, headers=headers, clock=lambda: 0.0)


def _metered(meter: Meter) -> Callable[[bytes], bytes]:
    def handle(chunk: bytes) -> bytes:
        meter.feed(chunk)
        meter.running  # noqa: B018 - the sidecar asks after every chunk whether to cut
        return chunk

    return handle


def measure(name: str, encoding: str) -> dict[str, float]:
    """Microseconds an event, added by the meter over handing the bytes on."""
    host, path, make = STREAMS[name]
    parts = [b"event: e\ndata: " + json.dumps(doc).encode() + b"\n\n" for doc in make()]
    chunks = _encoded(parts, encoding)
    plain: list[int] = []
    metered: list[int] = []
    for _ in range(ROUNDS):
        plain += _times(lambda chunk: chunk, chunks)
        metered += _times(_metered(_meter(host, path, encoding)), chunks)
    added = statistics.median(metered) - statistics.median(plain)
    high = statistics.quantiles(metered, n=100)[98] - statistics.quantiles(plain, n=100)[98]
    return {"added_us_p50": round(added / 1000, 2), "added_us_p99": round(high / 1000, 2),
            "events": len(metered)}  # fmt: skip


def run() -> dict[str, Any]:
    """All streams and encodings."""
    encodings = ("identity", "gzip", "br", "zstd")
    return {name: {enc: measure(name, enc) for enc in encodings} for name in STREAMS}
