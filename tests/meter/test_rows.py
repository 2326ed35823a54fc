"""Partial rows: how much output is booked for a response that nobody saw the end of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter import Meter, Reason
from botbottle.meter.rows import ESTIMATE_OVER, Rows
from botbottle.meter.tally import Tally
from botbottle.meter.weights import UNIT
from botbottle.model.usage import Completeness, Tokens

from .events import message_delta, message_start, sse, text_delta
from .helpers import call, clock, feed, meter, only, request, whole
from .places import CHAT, CLAUDE, CONVERSE, GEMINI, RESPONSES, Place

OLLAMA = ("ollama.com", "/api/chat")
INTERACTIONS = ("generativelanguage.googleapis.com", "/v1beta/interactions")
INVOKE = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke-with-response-stream")
UNKNOWN = ("api.openai.com", "/v1/brand/new")
SIX_TOKENS = "x" * 21
LIMITED = [
    (CLAUDE, {"max_tokens": 100}),
    (CHAT, {"max_completion_tokens": 100}),
    (CHAT, {"max_tokens": 100}),
    (RESPONSES, {"max_output_tokens": 100}),
    (GEMINI, {"generationConfig": {"maxOutputTokens": 100}}),
    (GEMINI, {"generation_config": {"max_output_tokens": 100}}),
    (INTERACTIONS, {"generation_config": {"max_output_tokens": 100}}),
    (INVOKE, {"max_tokens": 100}),
    (INVOKE, {"inferenceConfig": {"maxTokens": 100}}),
    (CONVERSE, {"inferenceConfig": {"maxTokens": 100}}),
    (OLLAMA, {"options": {"num_predict": 100}}),
]
UNHEEDED = [
    (CLAUDE, {"num_predict": 100}),
    (CLAUDE, {"max_output_tokens": 100}),
    (CHAT, {"max_output_tokens": 100}),
    (CHAT, {"options": {"num_predict": 100}}),
    (RESPONSES, {"max_tokens": 100}),
    (GEMINI, {"maxOutputTokens": 100}),
    (CONVERSE, {"maxTokens": 100}),
    (OLLAMA, {"num_predict": 100}),
    (OLLAMA, {"options": {"num_predict": -1}}),
    (UNKNOWN, {"max_tokens": 100, "max_output_tokens": 100}),
]


def booked(place: Place, body: Mapping[str, object], tally: Tally) -> int:
    return Rows(call(place), request(call(place), **body), clock).so_far(tally).output


def wrote(tokens: int, reported: int = 0) -> Tally:
    return Tally(weight=UNIT * tokens, tokens=Tokens(output=reported))


@pytest.mark.parametrize(("place", "body"), LIMITED)
def test_no_more_output_is_booked_than_the_provider_was_told_to_stop_at(
    place: Place, body: dict[str, object]
) -> None:
    assert booked(place, body, wrote(99)) == 99
    assert booked(place, body, wrote(130)) == 100
    assert booked(place, body, wrote(250)) == 100


@pytest.mark.parametrize(("place", "body"), UNHEEDED)
def test_a_limit_that_the_provider_does_not_heed_is_none(
    place: Place, body: dict[str, object]
) -> None:
    """Otherwise an agent could write a small one, hang up, and be booked with less."""
    assert booked(place, body, wrote(130)) == 130


@pytest.mark.parametrize(("place", "body"), LIMITED)
def test_a_provider_that_shows_that_it_ignores_the_limit_is_booked_by_the_estimate(
    place: Place, body: dict[str, object]
) -> None:
    assert booked(place, body, wrote(251)) == 251


def test_the_limit_is_each_choices_own() -> None:
    body = {"max_tokens": 100, "n": 3}
    assert booked(CHAT, body, wrote(390)) == 300


def test_what_the_provider_reported_stands_whatever_the_limit_says() -> None:
    """A compaction's output, for one, is beside it."""
    assert booked(CLAUDE, {"max_tokens": 100}, wrote(130, reported=180)) == 180


@given(st.integers(1, 500), st.lists(st.integers(0, 200), max_size=20), st.integers(0, 900))
def test_the_booked_output_never_shrinks_and_is_never_less_than_truth_allows(
    limit: int, pieces: list[int], reported: int
) -> None:
    body = {"max_tokens": limit}
    sums = list(accumulate(pieces, initial=0))
    outputs = [booked(CLAUDE, body, wrote(s, reported)) for s in sums]
    assert outputs == sorted(outputs)
    for estimate, output in zip(sums, outputs, strict=True):
        assert max(reported, min(estimate, limit)) <= output <= max(reported, estimate)
        assert output <= max(reported, limit) or 2 * estimate > ESTIMATE_OVER * limit


@given(st.integers(1, 400), st.integers(0, 400), st.floats(0.3, ESTIMATE_OVER / 2))
def test_a_provider_that_stops_at_the_limit_is_never_booked_with_more_than_it(
    limit: int, more: int, error: float
) -> None:
    """``error``: estimate over truth, for which docs/metering.md has the bounds."""
    truth = max(0, limit - more)
    assert booked(CLAUDE, {"max_tokens": limit}, wrote(int(truth * error))) <= limit


@pytest.mark.parametrize(("size", "output"), [(390, 97), (900, 100), (1000, 100), (40_000, 10_000)])
def test_a_body_that_nobody_can_read_stops_at_the_limit_unless_it_is_far_too_large_for_that(
    size: int, output: int
) -> None:
    """A limit that the provider does not know says nothing about what it sent."""
    m = meter(CLAUDE, content_encoding="nonsense", body={"max_tokens": 100})
    assert only(whole(m, b"x" * size)).tokens.output == output


def interrupted(*texts: str, **body: object) -> Meter:
    m = meter(CLAUDE, body=body)
    feed(m, sse(message_start(), *[text_delta(text) for text in texts]))
    return m


def test_while_it_runs_and_when_it_is_cut_a_stream_counts_the_same() -> None:
    m = interrupted(*[SIX_TOKENS] * 20, max_tokens=100)
    running = m.running
    assert running == Tokens(input_uncached=100, output=100)
    assert only(m.close(Reason.CUT)).tokens == running


def test_final_numbers_count_before_the_end_is_there() -> None:
    m = interrupted(*[SIX_TOKENS] * 20)
    assert (m.exact, m.running.output) == (False, 120)
    m.feed(sse(message_delta(output_tokens=90)))
    assert (m.exact, m.running.output) == (True, 90)
    assert only(m.close(Reason.CUT)).tokens.output == 90
    assert not m.exact, "nothing runs any more"


def test_numbers_that_more_output_follows_were_not_final() -> None:
    m = interrupted(SIX_TOKENS)
    feed(m, sse(message_delta(output_tokens=3), *[text_delta(SIX_TOKENS)] * 9))
    assert (m.exact, m.running.output) == (False, 60)
    assert only(m.close(Reason.CUT)).completeness is Completeness.PARTIAL


def test_numbers_that_one_of_several_choices_brings_are_not_the_end() -> None:
    m = meter(CHAT, body={"n": 2})
    text = {"choices": [{"index": 0, "delta": {"content": SIX_TOKENS * 20}}]}
    ends = {"choices": [{"index": 0, "finish_reason": "stop", "delta": {}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 90}}  # fmt: skip
    feed(m, sse(text, ends))
    assert (m.exact, m.running.output) == (False, 120)


def test_making_a_cache_costs_what_is_put_into_it_and_nothing_twice() -> None:
    m = meter(("generativelanguage.googleapis.com", "/v1beta/cachedContents"), "application/json",
              body={"contents": [{"parts": [{"text": "word " * 4000}]}]})  # fmt: skip
    made = {"name": "cachedContents/c", "usageMetadata": {"totalTokenCount": 4001}}
    row = only(whole(m, json.dumps(made).encode()))
    assert (row.tokens.total_input, row.tokens.output) == (4001, 1)
    assert row.completeness is Completeness.ESTIMATED
