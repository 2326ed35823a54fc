"""``service.sock``: the owner's own line to the service. It says how the service is, and takes the
database's password.

A PostgreSQL password is never in an argument, a variable, a label or a file: bb hands it over on
this socket, which only the owner of the directory can open, and it stays in memory. A service
that was restarted waits here until the next ``bb apply`` or pass of ``bb watch``; meanwhile no
bottle has a socket, so nothing metered passes. A password that was changed is handed over to the
running service in the same way: whoever says ``hello`` with a nonce is shown the keyed
fingerprint of the password in use, and so sees that it is an old one. Who proves to know one that
was in use before (``bb watch``, started with it) is told the present one by ``renew``.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botbottle import __version__
from botbottle.model.proof import proof
from botbottle.model.sidecar_config import fingerprint
from botbottle.sidecar.ledger.sockets import bound
from botbottle.sidecar.ledger.wire import VERSION, BadRequest, prose

PROBE = "service.sock"
MAX_LINE = 8192  # bytes of one request
SECONDS = 10.0  # for one caller
FORMER = 8  # passwords that were replaced and may still be a watch's


class Probe:
    """``service.sock`` for as long as the service runs. Ops: ``hello`` and ``unlock``."""

    def __init__(self, root: Path) -> None:
        self._path = root / PROBE
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Event()
        self._handed: str | None = None
        self.opened = False  # at least once
        self.used = ""  # the password that the open ledger was opened with
        self._former: deque[str] = deque(maxlen=FORMER)
        self.why = "starting"  # why the ledger cannot be used; empty when it can

    async def open(self) -> None:
        """Listen, if not yet. Raises OSError."""
        if self._server is not None:
            return
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        listener = bound(self._path, 0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def handed(self, seconds: float) -> None:
        """Wait until a password arrives, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return

    def works(self) -> None:
        """The ledger was used just now: whoever asks is not told that it cannot be."""
        self.why = ""

    def use(self, password: str) -> None:
        """This is the ledger's password from now on."""
        if self.used and self.used != password:
            self._former.append(self.used)
        self.used = password

    def take(self) -> str | None:
        """The password that was handed over since the last call, if any."""
        handed, self._handed = self._handed, None
        self._arrived.clear()
        return handed

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                frame = json.loads(await reader.readline())
                writer.write(json.dumps(self._answer(frame)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, RecursionError):
            pass  # gone, late or malformed: nothing was handed over
        finally:
            writer.close()

    def _answer(self, frame: Any) -> Mapping[str, Any]:
        if not isinstance(frame, dict) or frame.get("v") != VERSION:
            raise BadRequest("not a frame of version 1")
        about = {"v": VERSION, "id": frame.get("id")}
        if frame.get("op") == "unlock":
            self._handed = prose(frame, "password", 1024)
            self._arrived.set()
            return {**about, "ok": True}
        if self.why:
            return {**about, "ok": False, "code": "locked", "message": self.why}
        nonce = prose(frame, "nonce", 64).encode()
        if frame.get("op") == "renew" and self._knew(nonce, prose(frame, "mark", 64)):
            return {**about, "ok": True, "password": self.used}
        if frame.get("op") != "hello":
            return {**about, "ok": False, "code": "unknown-account", "message": "no account here"}
        return {**about, "ok": True, "account": "", "version": __version__,
                "password": fingerprint(nonce, self.used)}  # fmt: skip

    def _knew(self, nonce: bytes, mark: str) -> bool:
        said = mark.encode()
        return any(hmac.compare_digest(proof(p, nonce).encode(), said) for p in self._former)
