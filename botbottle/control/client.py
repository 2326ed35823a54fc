"""The client of the control protocol (see ``docs/egress.md``)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botbottle.control import answers
from botbottle.control.channel import Channel, SidecarUnreachable, opened
from botbottle.model.resources import SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig

SOCKET = "control.sock"


class SidecarClient:
    """One connection. Not thread-safe; cheap to open, so open one per use.

    All operations raise SidecarUnreachable, also for an answer that makes no sense, and
    SidecarRefused.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

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
        return answers.part(self._ask({"op": "status"}), "status", answers.status)

    def details(self) -> dict[str, Any]:
        """The status with counters for people, as plain data."""
        return answers.part(self._ask({"op": "status"}), "status", answers.plain)

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
        reply = self._ask(fetching(names))
        return answers.part(reply, "values", answers.texts)

    def denials(self, limit: int = 50) -> list[dict[str, Any]]:
        """The last denials, oldest first."""
        reply = self._ask({"op": "denials", "limit": limit})
        return answers.part(reply, "denials", answers.denials)

    def cut(self, message: str = "") -> int:
        """Abort every stream and refuse from now on; returns how many streams there were."""
        return answers.part(self._ask(cutting(message)), "streams", answers.number)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._channel.send(request)
        return self._channel.wait()


def cutting(message: str) -> dict[str, str]:
    """The request that stops all traffic."""
    return {"op": "cut", "message": message}


def fetching(names: Sequence[str] = ()) -> dict[str, Any]:
    """The request for values from the vault, all when ``names`` is empty."""
    return {"op": "vault_get", "names": list(names)}


def connect(directory: str | Path, *, timeout: float = 5.0) -> SidecarClient:
    """Connect to the sidecar whose control socket is in ``directory``.

    ``timeout`` is in seconds, for connecting and for each answer. Raises SidecarUnreachable.
    """
    return SidecarClient(opened(directory, SOCKET, timeout))


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
