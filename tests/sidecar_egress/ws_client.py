"""A WebSocket client through the sidecar, frame by frame."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import wsproto
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.extensions import Extension

from tests.world import World

CREATE = {"type": "response.create", "model": "gpt-6.1-sol", "input": "hi"}


class Way(Protocol):
    """A sidecar, in a process of its own or in this one."""

    world: World

    def tunnel(self, host: str) -> ssl.SSLSocket:
        """A TLS connection through CONNECT to the scripted upstream under this name."""


class Socket:
    """A WebSocket client through the sidecar."""

    def __init__(
        self,
        rig: Way,
        host: str,
        path: str,
        headers: dict[str, str] | None = None,
        extensions: Sequence[Extension] = (),
    ) -> None:
        self.code = 0  # the code of the close frame that came
        self._tls = rig.tunnel(host)
        self._tls.settimeout(20)
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        extra = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        name = f"{host}:{rig.world.tls_port}"
        self._tls.sendall(
            self._ws.send(
                wsproto.events.Request(
                    host=name, target=path, extra_headers=extra, extensions=list(extensions)
                )
            )
        )
        self.opened = next(self._events())

    def _events(self) -> Iterator[Any]:
        while True:
            yield from self._ws.events()
            data = self._tls.recv(65536)
            self._ws.receive_data(data or None)
            if not data:
                yield from self._ws.events()
                return

    def send(self, data: dict[str, Any]) -> None:
        self._tls.sendall(self._ws.send(TextMessage(json.dumps(data))))

    def send_raw(self, data: bytes) -> None:
        self._tls.sendall(self._ws.send(BytesMessage(data)))

    def say(self, event: wsproto.events.Event) -> None:
        self.send_bytes(self._ws.send(event))

    def send_bytes(self, data: bytes) -> None:
        """Whatever they mean."""
        self._tls.sendall(data)

    def exchange(self, parts: Sequence[Any]) -> list[str]:
        """Send frames until they are not taken any more; what comes back until the end."""
        try:
            for part in parts:
                self._tls.sendall(self._ws.send(part))
            return list(self.texts())
        except OSError:
            return []

    def texts(self) -> Iterator[str]:
        parts = []
        for event in self._events():
            if isinstance(event, CloseConnection):
                self.code = int(event.code)
                return
            if isinstance(event, TextMessage):
                parts.append(event.data)
                if event.message_finished:
                    yield "".join(parts)
                    parts = []

    def receive(self) -> Iterator[dict[str, Any]]:
        return map(json.loads, self.texts())

    def close(self) -> None:
        self._tls.close()
