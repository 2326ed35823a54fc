"""Everything that is not a model: echo, bytes, ticker, sink, redirects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.world.dialects.common import sse, sse_reply
from tests.world.script import Script
from tests.world.wire import Call, Frame, Reply, Request, json_reply, text_reply

BLOCK = bytes(range(256)) * 256  # 64 KiB
MAX_TICKS = 100_000


def error(status: int, message: str) -> Any:
    """An error body."""
    return {"error": message, "status": status}


def echo(call: Call) -> Reply:
    """``/echo``: what arrived, as JSON."""
    request = call.request
    return json_reply(
        {
            "method": request.method,
            "target": request.target,
            "path": request.path,
            "query": request.query,
            "host": request.host,
            "protocol": request.protocol,
            "tls": request.tls,
            "headers": [list(pair) for pair in request.headers],
            "body_bytes": request.body_bytes,
            "body_sha256": request.body_sha256,
        }
    )


def big(call: Call) -> Reply:
    """``/bytes?n=``: n bytes of a known pattern with their length, made as they are sent."""
    count = max(0, int(call.request.arg("n", "1024")))
    headers = [("content-type", "application/octet-stream")]
    return Reply(200, headers, _blocks(count), length=count)


def _blocks(count: int) -> Iterator[Frame]:
    for start in range(0, count, len(BLOCK)):
        size = min(len(BLOCK), count - start)
        yield Frame(BLOCK[:size], "block", terminal=start + size >= count)


def bytes_sha256(count: int) -> str:
    """The hash of what ``/bytes?n=count`` sends."""
    found = hashlib.sha256()
    for frame in _blocks(count):
        found.update(frame.data)
    return found.hexdigest()


def ticker(call: Call) -> Reply:
    """``/sse?n=&ms=``: n events, one every ms milliseconds (see ``paced``)."""
    count = min(MAX_TICKS, int(call.request.arg("n", "10")))
    frames = (
        Frame(sse({"tick": index}, "tick"), "tick", terminal=index == count - 1)
        for index in range(count)
    )
    return sse_reply(call, frames, [], Frame(sse({"error": "scripted"}, "error"), "error"))


def paced(request: Request, script: Script) -> Script:
    """The ticker's pace, from its query, as the script's delay."""
    return replace(script, delay=int(request.arg("ms", "100")) / 1000)


def sink(call: Call) -> Reply:
    """``/upload``: takes anything, says how much and what."""
    request = call.request
    return json_reply({"bytes": request.body_bytes, "sha256": request.body_sha256})


def redirect(call: Call) -> Reply:
    """``/redirect?to=&status=``."""
    status = int(call.request.arg("status", "302"))
    reply = text_reply("elsewhere\n", status=status)
    reply.headers.append(("location", call.request.arg("to", "/echo")))
    return reply


def hello(call: Call) -> Reply:
    """The root of any host."""
    return text_reply("world\n")


def missing(call: Call) -> Reply:
    """Any path that nothing answers."""
    return json_reply(error(404, f"nothing at {call.request.path}"), status=404)
