"""Failures of the engine, from its HTTP answers and from the socket, in words a user can act on."""

from __future__ import annotations

import errno
import re
import sys

from botbottle.engine.heads import Broken
from botbottle.errors import BBError, Conflict, EngineError, EngineUnreachable, Transient

START_HINT = (
    "start Docker (systemctl start docker), or name another engine: "
    "DOCKER_HOST, or docker context use NAME"
)
GROUP_HINT = "join the docker group (newgrp docker), use a rootless engine, or run as root"
BROKEN_HINT = "look at the engine's own log (journalctl -u docker), and at what is between"
TLS_HINT = "check DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and the certificates of the Docker context"

# Answers with status 500 that a second try cannot change.
_PERMANENT = re.compile(
    r"OCI runtime|runc|invalid|no such file|not found|unknown|executable file|"
    r"already|is not (paused|running|connected)|read-only|unsupported|not supported|"
    r"is not allowed|no space left",
    re.IGNORECASE,
)


class NotFound(EngineError):
    """The container, network or image does not exist (any more)."""

    code = "BB8004"


def from_status(status: int, message: str, *, call: str) -> BBError:
    """The error for an HTTP status >= 400. ``call`` names the request, without its body."""
    text = message.strip() or f"HTTP {status}"
    if status == 404:
        return NotFound(text, where=call)
    if status == 409:
        return Conflict(text, where=call)
    if status in (502, 503, 504) or (status == 500 and not _PERMANENT.search(text)):
        return Transient(f"{call}: {text}", delay=0.5)
    return EngineError(text, where=call)


def _is_tls(error: OSError) -> bool:
    """Without importing ssl for engines on a unix socket: who raises its errors has loaded it."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(error, ssl.SSLError)


def from_os_error(error: OSError, address: str) -> EngineUnreachable:
    """The error for a connection that fails or breaks; says what to do about it."""
    if _is_tls(error):
        return EngineUnreachable(f"TLS with the Docker Engine at {address} failed", hint=TLS_HINT)
    if isinstance(error, PermissionError):
        return EngineUnreachable(
            f"no permission to use the Docker Engine at {address}", hint=GROUP_HINT
        )
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return EngineUnreachable(f"no Docker Engine answers at {address}", hint=START_HINT)
    if isinstance(error, TimeoutError):
        return EngineUnreachable(
            f"the Docker Engine at {address} does not answer in time",
            hint="look at the engine's own log (journalctl -u docker)",
        )
    if isinstance(error, Broken):
        return EngineUnreachable(
            f"the Docker Engine at {address} gives no proper answer: {error}", hint=BROKEN_HINT
        )
    reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return EngineUnreachable(
        f"the connection to the Docker Engine at {address} broke ({reason})", hint=START_HINT
    )
