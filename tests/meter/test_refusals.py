"""A refusal that is worth asking again has the shape that clients ask again on; no other has."""

from __future__ import annotations

import json

import pytest

from botbottle.meter import refusal

from .helpers import call
from .places import CHAT, CLAUDE, CONVERSE, GEMINI, RESPONSES, Place

OLLAMA = ("ollama.com", "/api/chat")


@pytest.mark.parametrize(
    ("place", "where", "value"),
    [
        (CLAUDE, ("error", "type"), "rate_limit_error"),
        (CHAT, ("error", "code"), "rate_limit_exceeded"),
        (RESPONSES, ("error", "code"), "rate_limit_exceeded"),
        (GEMINI, ("error", "code"), 429),
        (CONVERSE, ("message",), "busy"),
        (OLLAMA, ("error",), "busy"),
    ],
    ids=["claude", "chat", "responses", "gemini", "bedrock", "ollama"],
)
def test_what_is_only_reserved_is_told_as_what_passes(
    place: Place, where: tuple[str, ...], value: object
) -> None:
    told = refusal(call(place), message="busy", retry_after=2.0, transient=True)
    found = json.loads(told.body)
    for name in where:
        found = found[name]
    headers = dict(told.headers)
    assert (told.status, found) == (429, value)
    assert headers["retry-after"] == "2" and "x-should-retry" not in headers
    assert headers["x-botbottle-refused"] == "budget" and "busy" in told.body.decode()
    assert int(headers["content-length"]) == len(told.body)


@pytest.mark.parametrize("place", [CLAUDE, CHAT, RESPONSES, GEMINI, CONVERSE, OLLAMA])
def test_what_is_spent_is_told_as_what_does_not_pass(place: Place) -> None:
    """The control."""
    spent = refusal(call(place), message="busy", retry_after=2.0)
    passing = refusal(call(place), message="busy", retry_after=2.0, transient=True)
    assert dict(spent.headers)["x-should-retry"] == "false"
    assert (spent.status, spent.body) != (passing.status, passing.body)
