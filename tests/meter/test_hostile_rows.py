"""Whatever an upstream says, the rows that the meter makes of it are taken by the ledger service.

Rows that it refused would be lost, or be sent again for ever. So streams of every dialect are
filled with what breaks parsers, databases and frames, and booked by the real service.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botbottle.ledger.opening import open_ledger
from botbottle.meter import Meter, Reason, identify, read_request
from botbottle.model.usage import Exchange
from botbottle.sidecar.ledger import codec, frames, wire
from botbottle.sidecar.ledger.handlers import Caller, Handlers, Now
from botbottle.sidecar.ledger.outbox import _frames, _Parcel
from botbottle.sidecar.ledger.rates import Allowance, Rates
from tests.ledger.worlds import register

GOOGLE, AWS = "generativelanguage.googleapis.com", "bedrock-runtime.us-east-1.amazonaws.com"
LONG_HOST = ".".join(["h" * 62] * 4)  # the longest that names can be
PLACES = [
    ("POST", "api.anthropic.com", "/v1/messages"),
    ("POST", "api.anthropic.com", "/v1/messages/batches"),
    ("GET", "api.anthropic.com", '/v1/messages/batches/"/results'),
    ("POST", "api.openai.com", "/v1/chat/completions"),
    ("POST", "api.openai.com", "/v1/responses"),
    ("GET", "api.openai.com", "/v1/responses/resp_\x00"),
    ("GET", "api.openai.com", "/v1/files/f/content"),
    ("POST", "api.openai.com", "/v1/brand/new"),
    ("POST", GOOGLE, "/v1beta/models/g:streamGenerateContent"),
    ("POST", GOOGLE, "/v1beta/models/g:batchGenerateContent"),
    ("GET", GOOGLE, "/v1beta/batches"),
    ("GET", GOOGLE, "/v1beta/files/f:download"),
    ("POST", GOOGLE, "/v1beta/interactions"),
    ("POST", AWS, "/model/m%00/converse"),
    ("POST", AWS, "/model/m/invoke"),
    ("POST", "ollama.com", "/api/chat"),
    ("POST", LONG_HOST, "/v1/chat/completions"),
]
TEXT = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ['"' * 400, "\\" * 400, "\x00", "\ud800", "\u2028\x85", "🙂" * 300, "'; DROP TABLE usage"]
    ),
)
NUMBER = st.one_of(
    st.integers(-3, 300),
    st.sampled_from([2**31, 2**53, 2**63, 10**12 - 1, 10**40, -(2**63), 0.5, 1e300, 7.0]),
)
KEYS = (
    "id", "model", "type", "usage", "response", "message", "delta", "error", "code", "status",
    "choices", "finish_reason", "text", "content", "output_tokens", "input_tokens", "name",
    "prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "iterations",
    "output_tokens_details", "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount",
    "usageMetadata", "responseId", "modelVersion", "candidates", "finishReason", "inputTokens",
    "outputTokens", "cacheReadInputTokens", "total_input_tokens", "total_output_tokens", "done",
    "prompt_eval_count", "eval_count", "tool_usage", "custom_id", "result", "body", "object",
    "inlinedResponses", "operations", "metadata", "stop_reason", "cache_creation",
    "ephemeral_1h_input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
)  # fmt: skip
TYPES = st.sampled_from(
    ["message_start", "message_delta", "message_stop", "message", "error", "advisor_message",
     "compaction", "response.completed", "response.failed", "succeeded", "errored"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(TEXT, NUMBER, TYPES, st.none(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=30,
)
DOCS = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8), max_size=5)


def _rows(
    place: tuple[str, str, str], docs: list[object], asked: object, cut: Reason
) -> list[Exchange]:
    method, host, path = place
    call = identify(host, method, path, {}, {LONG_HOST: "corp"})
    assert call is not None
    request = read_request(call, json.dumps(asked).encode(), "", '"' * 300)
    m = Meter(
        call, request, status=200, headers={"x-amzn-requestid": "\x7f" * 300}, clock=time.time
    )
    lines = (b"" if method == "GET" else b"data: ") + b"%b\n\n"
    rows = [row for doc in docs for row in m.feed(lines % json.dumps(doc).encode())]
    rows += m.owed(Reason.KILLED, unread=True)
    return rows + m.close(cut)


class Service:
    """The service's own reading and handling of frames, over a real ledger."""

    def __init__(self, where: str) -> None:
        self.ledger = open_ledger(where)
        self.ledger.db.run("PRAGMA synchronous=OFF")
        register(self.ledger)
        self._rates = Rates(rows=(1e9, 1e9), kept=(1e9, 1e9), requests=(1e9, 1e9))
        self._handlers = Handlers(self.ledger, self._rates)
        self._caller = Caller("p/web", Allowance(self._rates))

    def takes(self, rows: list[Exchange]) -> int:
        """How many it books; raises what a frame is refused with."""
        now, stored = Now(time.time(), 1.0), 0
        for frame in _frames(_Parcel("", tuple(rows), None)):  # type: ignore[arg-type]
            line = wire.encode({"v": wire.VERSION, "id": 2**53, **frame}).rstrip(b"\n")
            known = frames.read(line, now.wall)
            with self.ledger.batch():
                if known is None:
                    answer = self._handlers.handle(self._caller, codec.decode(line), now)
                else:
                    answer = self._handlers.frequent(self._caller, known[1], known[2], now)
            stored += answer.recorded + answer.duplicates  # type: ignore[union-attr]
        return stored


@pytest.fixture(scope="module")
def service():
    with tempfile.TemporaryDirectory() as name:
        made = Service(str(Path(name) / "ledger.db"))
        yield made
        made.ledger.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(PLACES), DOCS, VALUES, st.sampled_from(list(Reason)))
def test_rows_of_hostile_streams_are_taken(service, place, docs, asked, cut):
    rows = _rows(place, docs, asked, cut)
    assert service.takes(rows) == len(rows)


def _longest(number: int) -> list[Exchange]:
    """Rows whose texts are as long as an upstream and an agent can make them, and twice as long
    on the wire: of the other models that a response names, each with the response's fault."""
    quotes = '"' * 900
    side = {"type": "advisor_message", "model": quotes, "output_tokens": 10**11}
    usage = dict.fromkeys(("input_tokens", "cache_read_input_tokens", "output_tokens"), 10**11)
    usage["cache_creation"] = dict.fromkeys(
        ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"), 10**11
    )
    usage["output_tokens_details"] = {"thinking_tokens": 10**11}
    usage["iterations"] = [{**usage, **side}] * number
    message = {"id": '"' * 240, "model": quotes, "usage": usage}
    docs = [
        {"type": "message_start", "message": message},
        {"type": "error", "error": {"type": quotes}},
    ]
    return _rows(("POST", LONG_HOST, "/v1/messages"), docs, {}, Reason.COMPLETE)


def test_the_longest_rows_fit_into_frames(service):
    rows = _longest(100)
    assert len(rows) > 100
    assert service.takes(rows) == len(rows)
