"""Answers that are neither JSON nor events: a transcription, a broken server's page. Never zero."""

from __future__ import annotations

import pytest

from botbottle.meter import Reason
from botbottle.model.usage import Completeness

from .events import message_start, sse, text_delta
from .helpers import feed, meter, only, whole
from .places import CHAT, CLAUDE, GEMINI, RESPONSES

TEXT = b"The quick brown fox: it jumps.\n\n" * 500
SUBTITLES = b"WEBVTT\n\n00:00.000 --> 00:02.000\n" + TEXT
HEARD = ("api.openai.com", "/v1/audio/transcriptions")


@pytest.mark.parametrize(
    ("place", "kind", "body"),
    [
        (CLAUDE, "text/plain", TEXT),
        (CLAUDE, "text/event-stream", TEXT),
        (GEMINI, "text/plain", TEXT),
        (RESPONSES, "text/html", b"<html>" + TEXT),
        (CHAT, "application/json", b'"' + TEXT.replace(b"\n", b" ") + b'"'),
        (HEARD, "text/plain; charset=utf-8", TEXT),
        (HEARD, "text/vtt", SUBTITLES),
        (CLAUDE, "text/event-stream", b"data: not JSON at all\n\n" * 700),
    ],
    ids=["text", "as events", "gemini", "page", "string", "heard", "subtitles", "data"],
)
def test_a_text_is_guessed_from_its_size(place: tuple[str, str], kind: str, body: bytes) -> None:
    m = meter(place, kind)
    feed(m, body)
    assert m.running.output >= len(body) // 4, "so it can be cut"
    row = only(m.close(Reason.COMPLETE))
    assert (row.completeness, row.tokens.output) == (Completeness.ESTIMATED, len(body) // 4)


@pytest.mark.parametrize("left", [Reason.CLIENT_GONE, Reason.CUT])
def test_a_text_that_is_left_is_guessed_from_what_passed(left: Reason) -> None:
    m = meter(CLAUDE, "text/plain")
    feed(m, TEXT[:4000])
    assert only(m.close(left)).tokens.output == 1000


def test_an_event_stream_is_none_however_it_is_cut() -> None:
    """The control, at each byte: comments, fields and the mark of UTF-8 are no output."""
    head = b"\xef\xbb\xbf: wait\n\nid: 1\nretry: 5\n"
    stream = head + sse(message_start(), text_delta("hello"))
    for at in range(1, len(stream)):
        m = meter(CLAUDE)
        feed(m, stream[:at])
        assert m.running.output <= 4
        assert only(m.close(Reason.CLIENT_GONE)).tokens.output <= 4


def test_sound_is_no_text() -> None:
    row = only(whole(meter(CLAUDE, "audio/mpeg"), b"\xff\xf3ab" * 4000))
    assert row.tokens.output == 0
