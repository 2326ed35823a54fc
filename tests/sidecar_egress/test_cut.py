"""How much passes after a stream has used up its budget, counted in chunks at both ends.

Upstream and client go in step: a chunk is sent when the one before has arrived, so every chunk is
one read of the sidecar's and no count depends on how fast anything is.
"""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from botbottle.meter import Meter, identify, read_request
from botbottle.model.bottle import Limit
from botbottle.model.route import Auth
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import ANTHROPIC, OPENAI, Rig, until
from tests.sidecar_egress.test_metering import client

GEMINI = "generativelanguage.googleapis.com"
CHUNKS, LIMIT = 60, 2_000
AFTER = 2  # chunks that may pass beyond the one that crosses
TEXT = "a word or " * 35  # about 100 tokens
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)


def event(document: dict[str, Any]) -> bytes:
    return f"event: {document.get('type', 'x')}\ndata: {json.dumps(document)}\n\n".encode()


def messages(number: int) -> bytes:
    if number == 0:
        start = {"id": "msg_cut", "model": "m", "usage": {"input_tokens": 10, "output_tokens": 1}}
        return event({"type": "message_start", "message": start})
    delta = {"type": "text_delta", "text": TEXT}
    return event({"type": "content_block_delta", "index": 0, "delta": delta})


def responses(number: int) -> bytes:
    if number == 0:
        return event({"type": "response.created", "response": {"id": "resp_cut", "model": "m"}})
    return event({"type": "response.output_text.delta", "delta": TEXT})


def chat(number: int) -> bytes:
    choice = {"index": 0, "delta": {"content": TEXT if number else ""}}
    return b"data: " + json.dumps({"id": "chat_cut", "choices": [choice]}).encode() + b"\n\n"


def gemini(number: int) -> bytes:
    part = {"content": {"parts": [{"text": TEXT}]}}
    used = {"promptTokenCount": 10, "candidatesTokenCount": 100 * number}
    document = {"responseId": "g_cut", "candidates": [part], "usageMetadata": used}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


@dataclass(frozen=True)
class Case:
    """One wire format: where it is spoken, and its chunks."""

    host: str
    path: str
    provider: str
    chunk: Callable[[int], bytes]

    @property
    def body(self) -> dict[str, Any]:
        return {"model": "m", "stream": True, "max_tokens": 64, "input": "hi", "messages": []}

    def crossing(self) -> int:
        """Number of the first chunk after which more is used than there is."""
        call = identify(self.host, "POST", self.path, {}, {})
        assert call is not None
        request = read_request(call, json.dumps(self.body).encode(), "", "f")
        headers = {"content-type": "text/event-stream"}
        meter = Meter(call, request, status=200, headers=headers, clock=lambda: 0.0)
        for number in range(CHUNKS):
            meter.feed(self.chunk(number))
            if meter.running.total > LIMIT:
                return number
        raise AssertionError("the stream is too short to cross")


CASES = {
    "messages": Case(ANTHROPIC, "/v1/messages", "claude", messages),
    "responses": Case(OPENAI, "/v1/responses", "codex", responses),
    "chat": Case(OPENAI, "/v1/chat/completions", "codex", chat),
    "gemini": Case(GEMINI, "/v1beta/models/m:streamGenerateContent?alt=sse", "gemini", gemini),
}


class Step:
    """Lets the upstream send its next chunk when the client has the one before."""

    def __init__(self, case: Case) -> None:
        self.sent = 0
        self._case = case
        self._arrived: queue.Queue[bool] = queue.Queue()

    def talk(self, stream: socket.socket, head: bytes) -> None:
        stream.sendall(HEAD)
        for number in range(CHUNKS):
            data = self._case.chunk(number)
            stream.sendall(b"%x\r\n%b\r\n" % (len(data), data))
            self.sent += 1
            if not self._arrived.get(timeout=120):
                return
        stream.sendall(b"0\r\n\r\n")

    def events(self, answer: httpx.Response) -> Iterator[str]:
        """Events as they arrive; each one lets the next be sent."""
        rest = ""
        try:
            for text in answer.iter_text():
                *whole, rest = (rest + text).split("\n\n")
                for each in whole:
                    yield each
                    self._arrived.put(True)
        finally:
            self._arrived.put(False)


def stream(rig: Rig, case: Case, limit: int) -> tuple[int, int, bool]:
    """(chunks sent by the upstream, chunks at the client, whether the stream was cut)."""
    rig.ledger.limit(Limit(case.provider, limit))
    step = Step(case)
    with RawUpstream(rig.world.authority, case.host, step.talk) as far:
        key = Auth("header", "K", "x-some-key")
        route = rig.route(case.host, port=far.port, auth=key, provider=case.provider)
        rig.configure(route, secrets={"K": "sk-real-key-000000001"})
        url, seen, cut = f"https://{case.host}:{far.port}{case.path}", 0, False
        try:
            with (
                client(rig) as http,
                http.stream("POST", url, json=case.body, timeout=120) as answer,
            ):
                assert answer.status_code == 200, answer.read()
                for _ in step.events(answer):
                    seen += 1
        except httpx.HTTPError:
            cut = True
    until(lambda: bool(rig.ledger.rows()), "a row")
    return step.sent, seen, cut


@pytest.mark.parametrize("name", sorted(CASES))
def test_at_most_two_chunks_pass_after_the_crossing(own: Rig, name: str) -> None:
    case = CASES[name]
    crossing = case.crossing()
    sent, seen, cut = stream(own, case, LIMIT)
    assert cut
    assert crossing <= seen <= sent <= crossing + 1 + AFTER, (crossing, seen, sent)
    (row,) = own.ledger.rows()
    assert row.completeness == "partial"


def test_a_stream_within_its_budget_passes_whole(own: Rig) -> None:
    """The control: the very same stream with room."""
    assert stream(own, CASES["messages"], 10**9) == (CHUNKS, CHUNKS, False)
