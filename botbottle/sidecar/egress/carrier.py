"""What the stages need of the connection that carries a request."""

from __future__ import annotations

from typing import Literal, Protocol

from mitmproxy.connection import Connection
from mitmproxy.proxy import events

type Listener = Literal["proxy", "tls", "plain"]


class Carrier(Protocol):
    """One client connection with its upstream connections."""

    closed: bool
    listener: Listener
    tunnel: tuple[str, int] | None

    def feed(self, event: events.Event) -> None:
        """Let the layers handle an event."""

    def abort(self) -> None:
        """End everything at once."""

    def abort_upstream(self, connection: Connection) -> None:
        """End one upstream connection and the client's."""
