"""Through the proxy: a frame waits for the response beside it, whose end passes meanwhile."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from botbottle.ledger.records import Admitted, Refusal
from botbottle.model.route import Route
from botbottle.sidecar.egress import socket_spend
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import OPENAI, until
from tests.sidecar_egress.test_sockets import Agent, event, frame, talked

LONG = "word " * 60_000  # many pieces of a message
DONE = {"id": "resp_1", "status": "completed", "usage": {"input_tokens": 5, "output_tokens": 2}}


def completed(lane: str) -> bytes:
    return frame(event("response.completed", stream_id=lane, response=DONE))


class Said:
    """Frames of the agent's as an upstream reads them."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream, self._ws = stream, Connection(ConnectionType.SERVER)
        self._pieces = self._read()

    def next(self) -> Any:
        """The next whole message."""
        text = ""
        for piece in self._pieces:
            text += piece.data
            if piece.message_finished:
                return json.loads(text)
        raise OSError("gone")

    def _read(self) -> Iterator[TextMessage]:
        while data := self._stream.recv(65536):
            self._ws.receive_data(data)
            yield from (x for x in self._ws.events() if isinstance(x, TextMessage))


class OneAtATime:
    """Of an upstream that answers one lane when the next is known to wait."""

    def __init__(self, inside: Inside) -> None:
        self.seen: list[Any] = []
        self._inside, self._admit = inside, inside.ledger.admit
        self.refused = 0
        inside.ledger.admit = self.admit  # type: ignore[method-assign]

    async def admit(self, *given: Any, **named: Any) -> Admitted | Refusal:
        """One response has all that there is."""
        if self._inside.ledger.open:
            self.refused += 1
            return Refusal("budget-reserved", "what is left is reserved", "codex", retry_after=2.0)
        return await self._admit(*given, **named)

    def talk(self, stream: socket.socket) -> None:
        said = Said(stream)
        self.seen.append(said.next())
        until(lambda: self.refused, "the second to wait")
        stream.sendall(completed("a"))
        self.seen.append(said.next())
        self.seen.append(said.next())
        stream.sendall(completed("b"))


def test_a_frame_waits_for_what_another_lane_has_reserved_and_leaves_whole(inside: Inside) -> None:
    pool = OneAtATime(inside)
    with RawUpstream(inside.world.authority, OPENAI, talked(pool.talk)) as far:
        inside.deliver(Route(OPENAI, far.port, allow_private=True, provider="codex"))
        with inside.tunnel(OPENAI, far.port, "http/1.1") as tls:
            agent = Agent(tls, "/v1/responses")
            agent.say(event("response.create", model="m", stream_id="a", input="one"))
            agent.say(event("response.create", model="m", stream_id="b", input=LONG))
            agent.say(event("response.cancel", stream_id="b"))
            seen = agent.reads(b'"stream_id": "b"')
    assert seen.index(b'"stream_id": "a"') < seen.index(b'"stream_id": "b"')
    assert b"rate_limit" not in seen and b"usage_limit" not in seen
    assert [x["type"] for x in pool.seen] == [
        "response.create",
        "response.create",
        "response.cancel",
    ]
    assert [x.get("input") for x in pool.seen] == ["one", LONG, None]
    until(lambda: not inside.ledger.open, "both to be settled")
    assert [kind for kind, _ in inside.ledger.told].count("settle") == 2


def test_who_has_waited_long_enough_is_told_to_ask_again(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_spend, "PATIENCE_SECONDS", 0.4)
    pool = OneAtATime(inside)
    got: list[Any] = []

    def talk(stream: socket.socket) -> None:
        said = Said(stream)
        got.extend((said.next(), said.next()))

    with RawUpstream(inside.world.authority, OPENAI, talked(talk)) as far:
        inside.deliver(Route(OPENAI, far.port, allow_private=True, provider="codex"))
        with inside.tunnel(OPENAI, far.port, "http/1.1") as tls:
            agent = Agent(tls, "/v1/responses")
            agent.say(event("response.create", model="m", stream_id="a", input="one"))
            agent.say(event("response.create", model="m", stream_id="b", input="two"))
            told = agent.reads(b'"stream_id": "b"')
            agent.say(event("response.cancel", stream_id="a"))
            until(lambda: len(got) == 2, "the frame after it")
    assert b"response.failed" in told and b"Please try again in 2s" in told
    assert [x["type"] for x in got] == ["response.create", "response.cancel"]
    assert pool.refused > 1
