"""What output weighs until the provider tells: by the tokenizer of the model that was asked."""

from __future__ import annotations

import random

import pytest

from botbottle.meter import Meter, Reason
from botbottle.meter.tally import Tally
from botbottle.meter.weights import UNIT, table_of, weigh

from .events import message_start, sse, text_delta
from .helpers import call, clock, only, request
from .places import CHAT, CLAUDE

NEWER = (
    "claude-opus-4-7", "claude-opus-4.8", "claude-sonnet-4-10", "claude-opus-5", "claude-haiku-5-5",
    "us.anthropic.claude-opus-5-5-v1:0", "anthropic/claude-opus-4.7", "claude-sonnet-5-20260901",
    "claude-opus-5-5@20261001", "claude-opus-12",
)  # fmt: skip
OLDER = (
    "claude-3-5-sonnet-20241022", "claude-3-opus-20240229", "claude-2.1", "claude-instant-1.2",
    "claude-sonnet-4-20250514", "claude-opus-4-1-20250805", "claude-opus-4-6", "claude-sonnet-4.5",
    "claude-opus-4@20250514", "claude-opus-4-1", "claude-opus-4", "gpt-6.1", "gemini-4-7", "",
)  # fmt: skip
CODE = "def total(rows: list[Row]) -> int:\n    return sum(row.counted for row in rows[:100])\n"


@pytest.mark.parametrize("model", NEWER)
def test_newer_models_of_claude_are_known_by_their_names(model: str) -> None:
    assert table_of(model)


@pytest.mark.parametrize("model", OLDER)
def test_all_others_are_weighed_by_characters(model: str) -> None:
    assert not table_of(model)
    assert weigh("a" * 7, table_of(model)) == 2 * UNIT
    assert weigh("é漢", table_of(model)) == 2 * UNIT


def _cut(place: tuple[str, str], model: str, text: str) -> int:
    """Output that is booked for a stream that was cut after ``text``."""
    asked = request(call(place), model=model)
    headers = {"content-type": "text/event-stream"}
    meter = Meter(call(place), asked, status=200, headers=headers, clock=clock)
    meter.feed(sse(message_start(), text_delta(text)))
    return only(meter.close(Reason.CUT)).tokens.output


def test_the_same_text_of_a_newer_model_is_booked_with_the_tokens_it_has_there() -> None:
    older, newer = (_cut(CLAUDE, f"claude-opus-4-{n}", CODE) for n in (6, 7))
    assert older == -(-len(CODE) * 2 // 7)
    assert older * 1.3 < newer < older * 1.8


def test_other_dialects_that_carry_newer_claude_weigh_like_it() -> None:
    doc = {"choices": [{"index": 0, "delta": {"content": CODE}}]}
    headers = {"content-type": "text/event-stream"}
    booked = []
    for model in ("gpt-6", "anthropic/claude-opus-5.5"):
        meter = Meter(
            call(CHAT), request(call(CHAT), model=model), status=200, headers=headers, clock=clock
        )
        meter.feed(sse(doc))
        booked.append(only(meter.close(Reason.CUT)).tokens.output)
    assert booked[1] == _cut(CLAUDE, "claude-opus-5-5", CODE) > booked[0]


def test_a_text_weighs_the_same_in_pieces_and_lone_surrogates_harm_nothing() -> None:
    rng, table = random.Random(5), table_of("claude-opus-5-5")
    text = "".join(rng.choice("aZ0 \n{é漢\ud800🙂") for _ in range(500))
    pieces = Tally(table=table)
    at = 0
    while at < len(text):
        size = rng.randrange(1, 40)
        pieces.wrote(text[at : at + size])
        at += size
    assert pieces.weight == weigh(text, table)
