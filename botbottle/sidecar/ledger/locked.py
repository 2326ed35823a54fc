"""The service before its ledger is open: it says why, and takes the database's password.

A PostgreSQL password is never in an argument, a variable, a label or a file: bb hands it over on
``service.sock``, which only the owner of the directory can open, and it stays in memory. A service
that was restarted waits here until the next ``bb apply`` or pass of ``bb watch``; meanwhile no
bottle has a socket, so nothing metered passes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botbottle.sidecar.ledger.sockets import bound
from botbottle.sidecar.ledger.wire import VERSION, BadRequest, prose

PROBE = "service.sock"
MAX_LINE = 8192  # bytes of one request
SECONDS = 10.0  # for one caller


class Waiting:
    """``service.sock`` until the ledger is open. Ops: ``hello`` and ``unlock``."""

    def __init__(self, root: Path) -> None:
        self._path = root / PROBE
        self._server: asyncio.Server | None = None
        self._handed = asyncio.Event()
        self.password = ""
        self.why = "starting"

    async def open(self) -> None:
        """Listen, if not yet. Raises OSError."""
        if self._server is not None:
            return
        listener = bound(self._path, 0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE)

    def close(self) -> None:
        """Stop listening. The place of the socket is its successor's."""
        if self._server is not None:
            self._server.close()

    async def handed(self, seconds: float) -> None:
        """Wait until a password arrives, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._handed.wait()
        except TimeoutError:
            return
        self._handed.clear()

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
        if frame.get("op") == "unlock":
            self.password = prose(frame, "password", 1024)
            self._handed.set()
            return {"v": VERSION, "id": frame.get("id"), "ok": True}
        refusal = {"ok": False, "code": "locked", "message": self.why}
        return {"v": VERSION, "id": frame.get("id"), **refusal}
