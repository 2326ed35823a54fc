"""WebSockets with an upstream and an agent that do not keep to the usual order."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import wsproto
from wsproto.events import TextMessage
from wsproto.frame_protocol import FrameProtocol, Opcode
from wsproto.utilities import generate_accept_token

from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.meter import Conversations, Reason, identify
from botbottle.model.route import Auth, Route
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.socket_spend import SocketSpend
from tests.sidecar_egress.inside import FakeLedger, Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import OPENAI, until
from tests.sidecar_egress.talking import said, waiting

KEY = "kX9vQ2mZ7pL4tR8wB3nY6cF1hJ5dS0aGe7Ub3Wq"
CREATE = json.dumps({"type": "response.create", "model": "m", "max_output_tokens": 100_000})


def accept(head: bytes) -> bytes:
    """The answer to an upgrade."""
    fields = [line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
    token = generate_accept_token(fields[0].split(b":")[1].strip())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
    )


def frame(text: str, *, fin: bool = True) -> bytes:
    """A text frame of a server's."""
    return bytes(FrameProtocol(client=False, extensions=[]).send_data(text, fin))


def event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


class Agent:
    """A client of one socket."""

    def __init__(self, tls: ssl.SSLSocket, path: str) -> None:
        tls.settimeout(30)
        self._tls, self._ws = tls, wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self.got = b""
        tls.sendall(self._ws.send(wsproto.events.Request(host=OPENAI, target=path)))
        while b"\r\n\r\n" not in self.got:
            self.got += some(tls)
        first, self.got = self.got.split(b"\r\n\r\n", 1)
        self._ws.receive_data(first + b"\r\n\r\n")
        assert [type(e).__name__ for e in self._ws.events()] == ["AcceptConnection"]

    def say(self, text: str) -> None:
        self._tls.sendall(self._ws.send(TextMessage(text)))

    def reads(self, wanted: bytes) -> bytes:
        """Everything up to and with ``wanted``, as it came."""
        while wanted not in self.got:
            self.got += some(self._tls)
        return self.got


def talked(then: Callable[[socket.socket], None]) -> Callable[[socket.socket, bytes], None]:
    def talk(stream: socket.socket, head: bytes) -> None:
        stream.sendall(accept(head))
        then(stream)

    return talk


def test_a_refusal_beside_an_unfinished_message_is_told_alone(inside: Inside) -> None:
    """Joined with it, what the provider echoes would come unscrubbed and uncounted."""

    def echo(stream: socket.socket) -> None:
        stream.sendall(frame(f"whole {KEY}") + frame(f"part {KEY}", fin=False))
        stream.recv(65536)  # a free frame: the refusal was read
        stream.sendall(bytes([0x80 | Opcode.CONTINUATION, 3]) + b"end")

    async def refuse(*_: object, **__: object) -> Refusal:
        return Refusal("budget-exhausted", "used up", "codex")

    inside.ledger.admit = refuse  # type: ignore[method-assign]
    with RawUpstream(inside.world.authority, OPENAI, talked(echo)) as far:
        auth = Auth("Bearer", "OK")
        route = Route(OPENAI, far.port, auth, allow_private=True, provider="codex")
        inside.deliver(route, secrets={"OK": KEY})
        with inside.tunnel(OPENAI, far.port, "http/1.1") as tls:
            agent = Agent(tls, "/v1/responses")
            agent.reads(b"whole ")
            agent.say(CREATE)
            agent.reads(b"usage_limit_reached")
            agent.say(event("response.cancel"))
            seen = agent.reads(b"end")
    assert KEY.encode() not in seen
    assert b"part " not in seen.partition(b"usage_limit_reached")[0]


@pytest.mark.parametrize("late", [False, True])
def test_a_message_that_waits_for_admission_is_searched_for_what_was_delivered_meanwhile(
    inside: Inside, late: bool
) -> None:
    begun, over = threading.Event(), threading.Event()
    admit = inside.ledger.admit

    async def slow(*given: Any, **named: Any) -> Any:
        begun.set()
        while not over.is_set():
            await asyncio.sleep(0.001)
        return await admit(*given, **named)

    inside.ledger.admit = slow  # type: ignore[method-assign]
    with RawUpstream(inside.world.authority, OPENAI, talked(lambda _: None)) as far:
        route = Route(OPENAI, far.port, allow_private=True, provider="codex")
        other = Route("other.example.com", auth=Auth("Bearer", "NEW"))
        inside.deliver(route, other)
        with inside.tunnel(OPENAI, far.port, "http/1.1") as tls:
            agent = Agent(tls, "/v1/responses")
            agent.say(event("response.create", model="m", input=KEY))
            assert begun.wait(30)
            inside.deliver(route, other, secrets={"NEW": KEY} if late else {})
            over.set()
            if late:
                assert tls.recv(65536) == b""
                until(lambda: inside.ledger.told[-1:] == [("release", "lease-0")], "the release")
            else:
                until(lambda: len(far.received.split(b"\r\n\r\n")[1]) > 50, "the frame")
    until(lambda: not inside.ledger.open, "the reservation to be gone")
    kinds = [kind for kind, _ in inside.ledger.told]
    assert late is not ("settle" in kinds)


class Exhausted(FakeLedger):
    """Refuses, or lets one response begin and then tells to cut it."""

    def __init__(self, admits: int) -> None:
        super().__init__()
        self.admits, self.asked, self.reported = admits, 0, 0
        self.settled: list[tuple[str, Sequence[Exchange]]] = []

    async def admit(self, *given: Any, **named: Any) -> Admitted | Refusal:
        self.asked += 1
        if self.asked > self.admits:
            return Refusal("budget-exhausted", "used up", "codex")
        return Admitted(f"lease-{self.asked}", 0.0, 100, 1_000)

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        self.reported += 1
        return Progress(tokens.output > 500, 300, "budget-exhausted")

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.settled.append((lease, exchanges))


async def set_off_by_sound(ledger: Exhausted) -> tuple[SocketSpend, list[bytes], int]:
    """A Realtime socket whose server answers what it hears; frames that passed."""
    call = identify("api.openai.com", "GET", "/v1/realtime?model=m", {"upgrade": "websocket"}, {})
    assert call is not None
    told: list[bytes] = []

    async def count(_: bytes) -> int | None:
        return None

    async def leaves() -> bool:
        return True

    spend = SocketSpend(ledger, call, "p", Conversations(), told.append, count, waiting())
    sound = event("input_audio_buffer.append", audio="AAAA").encode()
    assert await spend.client_frame(said(sound), leaves) is None
    passed = int(await spend.server_frame(event("response.created", response={"id": "r"}).encode()))
    delta = event("response.output_text.delta", response_id="r", delta="word " * 50).encode()
    for _ in range(200):
        passed += await spend.server_frame(delta)
    return spend, told, passed


def test_a_response_that_sound_sets_off_is_admitted_when_it_begins() -> None:
    ledger = Exhausted(admits=0)
    spend, told, passed = asyncio.run(set_off_by_sound(ledger))
    assert (ledger.asked, passed, len(told)) == (1, 0, 1)
    assert b"used up" in told[0] and spend.was_cut


def test_a_response_that_sound_sets_off_is_cut_when_it_crosses_the_budget() -> None:
    ledger = Exhausted(admits=1)
    spend, told, passed = asyncio.run(set_off_by_sound(ledger))
    assert (ledger.asked, len(told)) == (1, 1) and spend.was_cut and ledger.reported
    assert 5 < passed < 100
    spend.close(Reason.CLIENT_GONE)
    ((lease, rows),) = ledger.settled
    assert lease == "lease-1" and rows[0].tokens.output > 500
