"""One of the sidecar's layers alone, without a driver: what it says is kept in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._base import ReceiveHttp

from botbottle.sidecar.egress.turns import Breath, Breathed

HALF, WHOLE = b"<half closed>", b"<closed>"  # among what was sent


def context() -> Context:
    client = Client(
        peername=("", 0), sockname=("", 0), state=ConnectionState.OPEN,
        proxy_mode=mode_specs.ProxyMode.parse("regular"),
    )  # fmt: skip
    options: Any = SimpleNamespace(
        validate_inbound_headers=True, normalize_outbound_headers=True, proxy_debug=False,
        http2_ping_keepalive=0, room=SimpleNamespace(full=lambda _: False),
    )  # fmt: skip
    made = Context(client, options)
    made.server = Server(address=("x", 443))
    made.server.state, made.server.alpn = ConnectionState.OPEN, b"h2"
    return made


class Wire:
    """One layer, what it sent, what it told the others, and who answers that at once."""

    def __init__(self, made: layer.Layer) -> None:
        self.layer, self.sent, self.told = made, list[bytes](), list[hevents.HttpEvent]()
        self.breaths: list[Breath] = []
        self.answer: Callable[[hevents.HttpEvent], Iterator[hevents.HttpEvent]] = lambda _: iter(())

    def say(self, event: events.Event) -> None:
        for command in self.layer.handle_event(event):
            if isinstance(command, commands.SendData):
                self.sent.append(command.data)
            elif isinstance(command, commands.CloseConnection):
                self.sent.append(HALF if getattr(command, "half_close", False) else WHOLE)
            elif isinstance(command, Breath):
                self.breaths.append(command)
            elif isinstance(command, ReceiveHttp):
                self.told.append(command.event)
                for at_once in self.answer(command.event):
                    self.say(at_once)

    def breathe(self) -> None:
        while self.breaths:
            self.say(Breathed(self.breaths.pop()))

    def names(self, stream: int) -> list[str]:
        return [type(e).__name__ for e in self.told if e.stream_id == stream]
