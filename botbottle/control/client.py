"""The client of the control protocol (see ``docs/egress.md``)."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botbottle.errors import EngineError, Transient
from botbottle.model.resources import SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig, from_wire

SOCKET = "control.sock"
MAX_REPLY = 16 * 1024 * 1024  # bytes


class SidecarUnreachable(Transient):
    """No sidecar answers on this socket: it is not started, starting, or gone."""

    code = "BB1101"


class SidecarRefused(EngineError):
    """The sidecar keeps its old configuration. The message is its own and names no value."""

    code = "BB8101"


class SidecarClient:
    """One connection. Not thread-safe; cheap to open, so open one per use."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def status(self) -> SidecarStatus:
        """What the sidecar says is active in it."""
        return _status(self.details())

    def ask_status(self) -> Callable[[], SidecarStatus]:
        """``status`` in two halves: asks now; the returned function waits for the answer."""
        self._send({"op": "status"})
        return lambda: _status(self._reply()["status"])

    def details(self) -> dict[str, Any]:
        """The status with counters for people, as plain data."""
        return dict(self._ask({"op": "status"})["status"])

    def configure(
        self, config: SidecarConfig, secrets: Mapping[str, str], hmac_key: bytes
    ) -> SidecarStatus:
        """Deliver routes and secrets; returns when they are active.

        Raises SidecarRefused when the sidecar cannot use them: the old ones stay active.
        """
        self._ask(
            {
                "op": "configure",
                "config": config.to_wire(),
                "secrets": dict(secrets),
                "hmac_key": hmac_key.hex(),
            }
        )
        return self.status()

    def vault_put(self, values: Mapping[str, str]) -> None:
        """Keep the agent's own asked environment values in the sidecar's memory."""
        self._ask({"op": "vault_put", "values": dict(values)})

    def vault_get(self, names: Sequence[str] = ()) -> dict[str, str]:
        """Values from the vault, all when ``names`` is empty; unknown names are left out."""
        return dict(self._ask({"op": "vault_get", "names": list(names)})["values"])

    def denials(self, limit: int = 50) -> list[dict[str, Any]]:
        """The last denials, oldest first."""
        return list(self._ask({"op": "denials", "limit": limit})["denials"])

    def cut(self, message: str = "") -> int:
        """Abort every stream and refuse from now on; returns how many streams there were."""
        return int(self._ask({"op": "cut", "message": message})["streams"])

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._send(request)
        return self._reply()

    def _send(self, request: Mapping[str, Any]) -> None:
        try:
            self._channel.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise _silent(error) from None

    def _reply(self) -> dict[str, Any]:
        try:
            reply = json.loads(self._line())
        except (OSError, ValueError) as error:
            raise _silent(error) from None
        if not reply.get("ok"):
            raise SidecarRefused(f"the egress sidecar refused: {reply.get('error', 'no reason')}")
        return dict(reply)

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            data = self._channel.recv(65536)
            if not data:
                raise ConnectionResetError("closed")
            self._buffer += data
            if len(self._buffer) > MAX_REPLY:
                raise ValueError("reply too long")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _silent(error: Exception) -> SidecarUnreachable:
    return SidecarUnreachable(f"the egress sidecar did not answer ({type(error).__name__})")


def _status(data: Mapping[str, Any]) -> SidecarStatus:
    config = data.get("config")
    return SidecarStatus(
        config=from_wire(config) if config else None,
        config_hash=str(data["config_hash"]),
        secrets=tuple((str(n), str(p)) for n, p in data["secrets"]),
        version=str(data["version"]),
        ready=bool(data["ready"]),
        ledger=bool(data["ledger"]),
        detail=str(data.get("detail", "")),
    )


def connect(directory: str | Path, *, timeout: float = 5.0) -> SidecarClient:
    """Connect to the sidecar whose control socket is in ``directory``.

    ``timeout`` is in seconds, for connecting and for each answer. Raises SidecarUnreachable.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.settimeout(timeout)
    try:
        handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            channel.connect(f"/proc/self/fd/{handle}/{SOCKET}")
        finally:
            os.close(handle)
    except OSError as error:
        channel.close()
        raise SidecarUnreachable(
            f"no egress sidecar answers on its control socket ({error.strerror or error})"
        ) from None
    return SidecarClient(channel)


def wait_ready(directory: str | Path, *, seconds: float = 15.0) -> SidecarStatus:
    """Wait for a sidecar that has just been started. Raises SidecarUnreachable in the end."""
    deadline = time.monotonic() + seconds
    delay = 0.01
    while True:
        try:
            with connect(directory) as client:
                return client.status()
        except SidecarUnreachable:
            if time.monotonic() + delay > deadline:
                raise
        time.sleep(delay)
        delay = min(0.1, delay * 1.5)
