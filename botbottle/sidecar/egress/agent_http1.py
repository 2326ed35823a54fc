"""HTTP/1 towards the agent: a malformed head is answered with a structured denial; heads and what
is sent ahead of its turn have a size limit, and are read so much at a time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

from mitmproxy.net.http.status_codes import RESPONSES
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._http1 import Http1Server

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.lines import BadLines, Lines
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.turns import many, paced, waits

type Commands = Generator[commands.Command, Any, Any]

MAX_HEAD = 256 * 1024  # bytes of a request head
MAX_AHEAD = 64 * 1024  # bytes that a client may send before it is their turn
_LITTLE = 4 * 1024  # bytes that nobody asks about


@dataclass
class HangUp(hevents.HttpEvent):
    """Say no more to the agent, and read no more of its request."""


class AgentHttp1(Http1Server):
    """HTTP/1 towards the agent."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.buf = Lines(MAX_HEAD)

    def handle_event(self, event: events.Event) -> Commands:
        """As the original; what waited for a breath comes before what is said after it."""
        if not waits(self, event):
            yield from super().handle_event(event)

    def _handle_event(self, event: events.Event) -> Commands:
        """As the original, but what is sent ahead of its turn is not kept without bound."""
        made = super()._handle_event(event)
        yield from paced(made) if many(event) else made
        if len(self.buf) > _LITTLE and self.state != self.passthrough and self._too_much(event):
            self.state = self.done
            self.buf.maybe_extract_at_most(len(self.buf))
            yield commands.CloseConnection(self.conn)

    def _too_much(self, event: events.Event) -> bool:
        """Whether what came before its turn, or of a head, has to go."""
        if self.state != self.read_headers and len(self.buf) > MAX_AHEAD:
            return True
        room = cast(LayerOptions, self.context.options).room
        return isinstance(event, events.DataReceived) and room.full(len(event.data))

    def send(self, event: hevents.HttpEvent) -> Commands:
        """As the original; a stream's last word comes after what it said before."""
        if isinstance(event, HangUp):
            yield commands.CloseTcpConnection(self.conn, half_close=True)
        else:
            yield from super().send(event)

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """As the original, with a limit on the head and a JSON answer to a malformed one. Behind an
        empty line the original waits for more, although the head may be there.

        The only thing the original itself sends from here is its HTML page for a malformed head.
        """
        if not cast(Lines, self.buf).begins():
            yield from self._refuse(_MALFORMED)
            return
        try:
            for command in super().read_headers(event):
                if isinstance(command, commands.SendData):
                    command = commands.SendData(self.conn, _MALFORMED)  # noqa: PLW2901
                yield command
        except BadLines as bad:
            yield from self._refuse(_FOLDED if bad.folded else _MALFORMED)
        if self.state == self.read_headers and len(self.buf) > MAX_HEAD:  # it has no end yet
            yield from self._refuse(_MALFORMED)

    def _refuse(self, answer: bytes) -> Commands:
        yield commands.SendData(self.conn, answer)
        yield commands.CloseConnection(self.conn)
        self.state = self.done


def _assemble(denial: Denial) -> bytes:
    body = denial.body()
    head = b"HTTP/1.1 %d %b\r\n" % (denial.status, RESPONSES[denial.status].encode())
    return head + b"".join(b"%b: %b\r\n" % f for f in denial.headers(len(body))) + b"\r\n" + body


_MALFORMED = _assemble(Denial("bad-request", "the request is not well-formed HTTP", close=True))
_FOLDED = _assemble(Denial("header-injection", "a header has a line break or NUL", close=True))
