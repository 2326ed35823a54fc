"""Render a sample to bytes: framing, line ends, encodings flushed per event, chunkings."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable

import brotli
import zstandard

from . import claude, openai, others
from .base import Sample, Step, compact

MAKERS: tuple[Callable[[random.Random], Sample], ...] = (
    claude.whole, claude.stream, claude.stream, claude.bedrock, claude.batch,
    openai.chat_whole, openai.chat_stream, openai.chat_stream, openai.responses_whole,
    openai.responses_stream, openai.responses_stream, openai.batch,
    others.gemini, others.gemini, others.gemini_batch, others.interactions, others.converse,
    others.ollama,
)  # fmt: skip
CONTENT_TYPES = {
    "json": ("application/json", "application/json; charset=utf-8"),
    "sse": ("text/event-stream", "text/event-stream; charset=utf-8", "text/plain"),
    "array": ("application/json; charset=UTF-8",),
    "lines": ("application/x-ndjson", "application/octet-stream"),
    "aws": ("application/vnd.amazon.eventstream",),
}
ENCODINGS = ("", "identity", "gzip", "deflate", "deflate-raw", "br", "zstd", "gzip, br")


def aws_message(event: str, payload: bytes) -> bytes:
    """One message of the AWS event stream framing."""
    kind, _, name = event.partition(":")
    pairs = (
        (":message-type", kind),
        (f":{kind}-type", name),
        (":content-type", "application/json"),
    )
    headers = b"".join(
        bytes([len(k)]) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode()
        for k, v in pairs
    )
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _sse(step: Step, eol: str, rng: random.Random) -> bytes:
    if step.doc is None:
        return f": OPENROUTER PROCESSING{eol}{eol}".encode()
    lines = [f"event: {step.event}"] if step.event and rng.random() < 0.8 else []
    if step.doc == "[DONE]":
        lines.append("data: [DONE]")
    elif rng.random() < 0.1:  # a document over several data lines
        lines += ["data: " + line for line in json.dumps(step.doc, indent=1).split("\n")]
    else:
        lines.append(rng.choice(("data: ", "data:")) + compact(step.doc, rng))
    if rng.random() < 0.1:
        lines.insert(0, f": keep-alive{eol}retry: 100{eol}id: 7")
    return (eol.join(lines) + eol + eol).encode()


def render(sample: Sample, rng: random.Random) -> list[bytes]:
    """The body, one bytes object an event."""
    if sample.framing == "sse":
        eol = rng.choice(("\n", "\n", "\r\n", "\r"))
        return [_sse(step, eol, rng) for step in sample.steps]
    if sample.framing == "aws":
        return [aws_message(s.event, _payload(sample, s, rng)) for s in sample.steps]
    bodies = [compact(step.doc, rng).encode() for step in sample.steps]
    if sample.framing == "lines":
        return [body + b"\n" for body in bodies]
    if sample.framing == "array":
        joined = [(b"[" if at == 0 else b",\r\n") + body for at, body in enumerate(bodies)]
        return [*joined[:-1], joined[-1] + b"\n]"]
    return bodies


def _payload(sample: Sample, step: Step, rng: random.Random) -> bytes:
    inner = compact(step.doc, rng).encode()
    if not sample.base64_payload:
        return inner
    return json.dumps({"bytes": base64.b64encode(inner).decode(), "p": "abcdef"}).encode()


def encode(parts: list[bytes], encoding: str, rng: random.Random) -> tuple[str, list[bytes]]:
    """Encode, flushed after every event; sometimes as several members or frames."""
    if encoding in ("", "identity"):
        return encoding, parts
    if encoding == "gzip, br":
        _, inner = encode(parts, "gzip", rng)
        return encoding, encode(inner, "br", rng)[1]
    name = "deflate" if encoding == "deflate-raw" else encoding
    split = name in ("gzip", "zstd") and rng.random() < 0.3
    out, coder = [], _coder(encoding)
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        end = last or (split and rng.random() < 0.5)
        out.append(coder(part, end))
        if end:
            coder = _coder(encoding)
    return name, out


def _coder(encoding: str) -> Callable[[bytes, bool], bytes]:
    if encoding == "br":
        b = brotli.Compressor(quality=4)
        return lambda data, end: b.process(data) + (b.finish() if end else b.flush())
    if encoding == "zstd":
        z = zstandard.ZstdCompressor(level=1).compressobj()
        block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        return lambda data, end: z.compress(data) + (z.flush() if end else z.flush(block))
    bits = {"gzip": 31, "deflate": 15, "deflate-raw": -15}[encoding]
    c = zlib.compressobj(6, wbits=bits)
    flush = zlib.Z_SYNC_FLUSH
    return lambda data, end: c.compress(data) + (c.flush() if end else c.flush(flush))


def chunked(body: bytes, rng: random.Random) -> list[bytes]:
    """Cut anywhere: single bytes, small pieces, or large ones."""
    size = rng.choice((1, 7, 120, 1400, 16384))
    if size == 1 and len(body) > 4000:
        size = 13
    chunks, at = [], 0
    while at < len(body):
        step = rng.randint(1, size)
        chunks.append(body[at : at + step])
        at += step
    return chunks
