"""A name that an object has twice: nobody knows which one is billed by, so the larger counts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter.documents import LARGE, read, told
from botbottle.model.usage import Completeness, Exchange, Tokens

from .helpers import ask, feed, meter, only, socket, whole
from .places import CHAT, CLAUDE, CONVERSE, GEMINI, RESPONSES, Place
from .truth.wire import aws_message

BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
INVOKE = (BEDROCK, "/model/anthropic.x/invoke-with-response-stream")
OLLAMA = ("ollama.local", "/api/chat")
MUCH, LITTLE = 1000, 1
JSON = "application/json"


def usage(given: str, made: str, holder: str = "usage") -> str:
    """Twice the object, and in each of the two a name twice; the larger number in every place."""
    one = f'"{holder}":{{"{given}":%d,"{made}":%d,"{made}":%d}}'
    return one % (MUCH, LITTLE, LITTLE) + "," + one % (LITTLE, MUCH, LITTLE)


def counted(place: Place, body: str, kind: str = JSON) -> Exchange:
    m = meter(place, kind, hosts={"ollama.local": "ollama"})
    data = body.encode()
    rows = [row for at in range(0, len(data), 7) for row in feed(m, data[at : at + 7])]
    return only([*rows, *whole(m)])


TWICE = usage("input_tokens", "output_tokens")
CHATS = usage("prompt_tokens", "completion_tokens")
GEMINIS = usage("promptTokenCount", "candidatesTokenCount", "usageMetadata")
EVALS = '"prompt_eval_count":1000,"prompt_eval_count":1,"eval_count":1000,"eval_count":1'
CASES = [
    (CLAUDE, f'{{"id":"m","type":"message",{TWICE}}}', JSON),
    (CHAT, f'{{"id":"m","choices":[],{CHATS}}}', JSON),
    (RESPONSES, f'{{"id":"m","object":"response","status":"completed",{TWICE}}}', JSON),
    (GEMINI, f'{{"responseId":"m","candidates":[{{"finishReason":"STOP"}}],{GEMINIS}}}', JSON),
    (CONVERSE, f'{{"output":{{}},{usage("inputTokens", "outputTokens")}}}', JSON),
    (OLLAMA, f'{{"model":"m","done":true,{EVALS}}}\n', "application/x-ndjson"),
    (
        CHAT,
        f'data: {{"id":"m","choices":[],{CHATS}}}\n\ndata: [DONE]\n\n',
        "text/event-stream",
    ),
]
NAMES = ["claude", "chat", "responses", "gemini", "converse", "ollama", "stream"]


@pytest.mark.parametrize(("place", "body", "kind"), CASES, ids=NAMES)
def test_the_larger_number_counts(place: Place, body: str, kind: str) -> None:
    row = counted(place, body, kind)
    assert row.tokens == Tokens(input_uncached=MUCH, output=MUCH)
    assert row.completeness is Completeness.FINAL


def test_also_inside_a_chunk_of_bedrock() -> None:
    inner = f'{{"type":"message_start","message":{{"id":"m",{TWICE}}}}}'
    wrapped = {"bytes": base64.b64encode(inner.encode()).decode()}
    m = meter(INVOKE, "application/vnd.amazon.eventstream")
    feed(m, aws_message("event:chunk", json.dumps(wrapped).encode()))
    assert m.running.input_uncached == MUCH


def test_also_in_a_frame_of_a_socket() -> None:
    s = socket()
    ask(s, input="x")
    s.server_frame(b'{"type":"response.created","response":{"id":"resp_1"}}')
    end = f'{{"type":"response.completed","response":{{"id":"resp_1",{TWICE}}}}}'
    (row,) = [row for each in s.server_frame(end.encode()) for row in each.exchanges]
    assert row.tokens == Tokens(input_uncached=MUCH, output=MUCH)


@pytest.mark.parametrize("other", ["null", '"many"', "true", "-5"])
@pytest.mark.parametrize("first", [True, False])
def test_a_number_counts_beside_what_is_none(other: str, first: bool) -> None:
    pair = [f'"input_tokens":{other}', '"input_tokens":1000']
    made = ",".join(pair if first else pair[::-1])
    assert told(f'{{"usage":{{{made}}}}}'.encode())["usage"]["input_tokens"] == 1000


def test_in_a_large_document_too() -> None:
    picture = json.dumps({"data": "x" * (LARGE + 1)}).encode()[1:-1]
    counts = b'"usage":{"input_tokens":%d}'
    body = b"{" + counts % MUCH + b"," + picture + b"," + counts % LITTLE + b"}"
    assert told(body)["usage"] == {"input_tokens": MUCH}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["usage", "input_tokens", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_what_has_each_name_once_is_read_as_ever(value: Any) -> None:
    """The control."""
    data = json.dumps(value).encode()
    assert told(data) == read(data)
