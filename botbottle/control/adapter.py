"""The host's one door to its sidecars, as the session and the executor see it."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botbottle.control.client import SidecarUnreachable, connect
from botbottle.errors import EngineError
from botbottle.model.resources import SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig, fingerprint

PROBE = "service.sock"
TIMEOUT = 2.0  # seconds
AT_ONCE = 8  # sidecars


@dataclass(frozen=True, slots=True)
class ControlClient:
    """``executor.Control`` and ``session.ControlRead`` over unix sockets.

    ``socket_root`` is the directory that the ledger service keeps its sockets in.
    """

    socket_root: str

    def status(self, control_dir: str) -> SidecarStatus | None:
        """What is active in the sidecar behind ``control_dir``; None while it does not answer."""
        try:
            with connect(control_dir, timeout=TIMEOUT) as client:
                return client.status()
        except (SidecarUnreachable, EngineError):
            return None

    def statuses(self, control_dirs: Sequence[str]) -> list[SidecarStatus | None]:
        """``status`` of each, in order. A few are asked at a time; no thread waits for one."""
        found: list[SidecarStatus | None] = []
        waiting: deque[Callable[[], SidecarStatus | None]] = deque()
        for directory in control_dirs:
            if len(waiting) == AT_ONCE:
                found.append(waiting.popleft()())
            waiting.append(_asked(directory))
        return [*found, *(answer() for answer in waiting)]

    def configure(
        self, control_dir: str, config: SidecarConfig, secrets: Mapping[str, str], key: bytes
    ) -> SidecarStatus | None:
        """Deliver and return what is active then. Raises SidecarUnreachable, SidecarRefused."""
        with connect(control_dir) as client:
            return client.configure(config, secrets, key)

    def keep_env(self, control_dir: str, values: Mapping[str, str]) -> None:
        """Keep the agent's variables in the sidecar's memory. Raises SidecarUnreachable."""
        with connect(control_dir, timeout=TIMEOUT) as client:
            client.vault_put(values)

    def kept_env(self, control_dir: str) -> dict[str, str]:
        """What ``keep_env`` left there; empty when the sidecar does not answer."""
        try:
            with connect(control_dir, timeout=TIMEOUT) as client:
                return client.vault_get()
        except (SidecarUnreachable, EngineError):
            return {}

    def ledger_answers(self, password: str = "") -> bool:
        """Whether the ledger service says hello on its probe socket, and uses this ``password``,
        if one is given."""
        nonce = secrets.token_hex(16)
        answer = self._ask_service({"op": "hello", "nonce": nonce})
        shown = fingerprint(nonce.encode(), password)
        return bool(answer.get("ok")) and (not password or answer.get("password") == shown)

    def ledger_locked(self, password: str = "") -> bool:
        """Whether the ledger service runs but cannot use its database, or uses another password
        than this one, if one is given."""
        answer = self._ask_service({"op": "hello"})
        if answer.get("ok"):
            return bool(password) and not self.ledger_answers(password)
        return answer.get("code") == "locked"

    def unlock_ledger(self, password: str) -> None:
        """Hand over the database's password."""
        self._ask_service({"op": "unlock", "password": password})

    def _ask_service(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        """One request to ``service.sock``; empty when nobody answers."""
        try:
            handle = os.open(self.socket_root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return {}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                channel.settimeout(TIMEOUT)
                channel.connect(f"/proc/self/fd/{handle}/{PROBE}")
                channel.sendall(json.dumps({"v": 1, "id": 1, **frame}).encode() + b"\n")
                answer = json.loads(channel.makefile("rb").readline(65536))
                return answer if isinstance(answer, dict) else {}
        except (OSError, ValueError):
            return {}
        finally:
            os.close(handle)


def _asked(control_dir: str) -> Callable[[], SidecarStatus | None]:
    """Ask one sidecar; the returned function waits for its answer and hangs up."""
    try:
        client = connect(control_dir, timeout=TIMEOUT)
    except SidecarUnreachable:
        return lambda: None

    def answer() -> SidecarStatus | None:
        with client:
            try:
                return asked()
            except (SidecarUnreachable, EngineError):
                return None

    try:
        asked = client.ask_status()
    except SidecarUnreachable:
        client.close()
        return lambda: None
    return answer
