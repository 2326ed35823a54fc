"""The keys of a WebSocket's opening: one for each side."""

from __future__ import annotations

import pytest
from mitmproxy import http

from botbottle.sidecar.egress import handshake

# RFC 6455, 1.3
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def opened(*accepts: str) -> http.Response:
    made = http.Response.make(101, b"", {})
    made.headers.set_all("sec-websocket-accept", accepts)
    return made


def test_the_answer_to_our_key_becomes_the_answer_to_the_agents() -> None:
    ours = handshake.new_key()
    response = opened(ACCEPT)
    handshake.exchange(response, KEY, ours)
    assert response.headers["sec-websocket-accept"] != ACCEPT
    back = opened(response.headers["sec-websocket-accept"])
    handshake.exchange(back, ours, KEY)
    assert back.headers["sec-websocket-accept"] == ACCEPT


@pytest.mark.parametrize("accepts", [(), ("x",), (ACCEPT, ACCEPT), (ACCEPT + " ",)])
def test_any_other_answer_is_none(accepts: tuple[str, ...]) -> None:
    with pytest.raises(handshake.BadAccept):
        handshake.exchange(opened(*accepts), KEY, handshake.new_key())


def test_new_keys_are_keys_and_differ() -> None:
    made = {handshake.new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(handshake.is_key(key) for key in made)


@pytest.mark.parametrize("text", ["", "x", KEY[:-1], KEY + "=", KEY + "\n", f" {KEY}", "A" * 24])
def test_other_texts_are_no_keys(text: str) -> None:
    assert handshake.is_key(KEY)
    assert not handshake.is_key(text)
