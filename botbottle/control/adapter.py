"""The host's one door to its sidecars, as the session and the executor see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from msgspec import Struct

from botbottle.control import answers
from botbottle.control.channel import NobodyListens, SidecarUnreachable, opened
from botbottle.control.client import SOCKET, connect, cutting, fetching
from botbottle.control.gathering import Reply, ask_all
from botbottle.errors import BBError, EngineError
from botbottle.model.proof import proof
from botbottle.model.resources import SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig, fingerprint

PROBE = "service.sock"
TIMEOUT = 2.0  # seconds


class ControlClient(Struct, frozen=True):
    """``executor.Control`` and ``control.api.ControlRead`` over unix sockets.

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
        """``status`` of each, in order; all of them have ``TIMEOUT`` seconds together."""
        return [
            _part(reply, "status", answers.status, None)
            for reply in ask_all(control_dirs, SOCKET, {"op": "status"}, TIMEOUT)
        ]

    def denials(self, control_dirs: Sequence[str], limit: int) -> list[list[dict[str, Any]] | None]:
        """The last denials of each, in order, oldest first; None where there is no answer."""
        asked = {"op": "denials", "limit": limit}
        return [
            _part(reply, "denials", answers.denials, None)
            for reply in ask_all(control_dirs, SOCKET, asked, TIMEOUT)
        ]

    def cut(self, control_dirs: Sequence[str], message: str) -> list[BBError | None]:
        """Stop all traffic of each; what went wrong, in order. Where nobody listens nothing
        passes, so that is no failure."""
        return [_trouble(r) for r in ask_all(control_dirs, SOCKET, cutting(message), TIMEOUT)]

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

    def kept_env(self, control_dirs: Sequence[str]) -> list[dict[str, str]]:
        """What ``keep_env`` left in each, in order; empty where the sidecar does not answer."""
        return [
            _part(reply, "values", answers.texts, {})
            for reply in ask_all(control_dirs, SOCKET, fetching(), TIMEOUT)
        ]

    def ledger_answers(self, password: str = "") -> bool:
        """Whether the ledger service says hello on its probe socket, and uses this ``password``,
        if one is given."""
        answer, shown = self._hello(password)
        return answer.get("ok") is True and (not password or answer.get("password") == shown)

    def ledger_locked(self, password: str = "") -> bool:
        """Whether the ledger service runs but cannot use its database, or uses another password
        than this one, if one is given."""
        answer, shown = self._hello(password)
        if answer.get("ok") is True:
            return bool(password) and answer.get("password") != shown
        return answer.get("code") == "locked"

    def _hello(self, password: str) -> tuple[dict[str, Any], str]:
        """The service's answer, and what it would show as the fingerprint of ``password``."""
        nonce = os.urandom(16).hex()
        answer = self._ask_service({"op": "hello", "nonce": nonce})
        return answer, fingerprint(nonce.encode(), password)

    def unlock_ledger(self, password: str) -> None:
        """Hand over the database's password."""
        self._ask_service({"op": "unlock", "password": password})

    def newer_password(self, password: str) -> str:
        """What the ledger service uses in place of ``password``, which it used before; empty when
        it does not know that one."""
        nonce = os.urandom(16).hex()
        mark = proof(password, nonce.encode())
        answer = self._ask_service({"op": "renew", "nonce": nonce, "mark": mark})
        return str(answer["password"]) if answer.get("ok") is True else ""

    def _ask_service(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        """One request to ``service.sock``; empty when nobody answers."""
        try:
            with closing(opened(self.socket_root, PROBE, TIMEOUT)) as channel:
                channel.send({"v": 1, "id": 1, **frame})
                channel.wait_line()
                answer = channel.line()
        except SidecarUnreachable:
            return {}
        return answer if isinstance(answer, dict) else {}


def _part[T](reply: Reply, name: str, read: Callable[[Any], T], otherwise: T) -> T:
    """What a reply says, or ``otherwise``."""
    if isinstance(reply, BBError):
        return otherwise
    try:
        return answers.part(reply, name, read)
    except SidecarUnreachable:
        return otherwise


def _trouble(reply: Reply) -> BBError | None:
    if isinstance(reply, BBError):
        return None if isinstance(reply, NobodyListens) else reply
    try:
        answers.part(reply, "streams", answers.number)
    except SidecarUnreachable as error:
        return error
    return None
