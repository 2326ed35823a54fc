"""The control socket: how the host configures a running sidecar and asks what is active.

A unix stream socket (0600, in a directory that only bb and the sidecar mount), JSON lines, one
reply for each request, at most MAX_LINE bytes. Secrets arrive here, stay in memory and are never
sent back::

    {"op":"status"}                                      {"ok":true,"status":{...}}
    {"op":"configure","config":{...},"secrets":{...},"hmac_key":HEX}
                                                         {"ok":true,"config_hash":...,"secrets":[...]}
    {"op":"vault_put","values":{...}}                    {"ok":true,"names":[...]}
    {"op":"vault_get","names":[...]}                     {"ok":true,"values":{...}}
    {"op":"denials","limit":N}                           {"ok":true,"denials":[...]}
    {"op":"cut"}                                         {"ok":true,"streams":N}

The vault keeps the agent's own asked environment values for ``bb attach``; it answers only the
host, over this socket, and dies with the process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from botbottle.model.sidecar_config import Hold, from_wire
from botbottle.sidecar.egress.sidecar import Sidecar

MAX_LINE = 16 * 1024 * 1024  # bytes: ten thousand routes
SOCKET = "control.sock"
_LARGE = 64 * 1024  # bytes of a request that is read aside

type _Answer = dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]


class Control:
    """Answers the operations on one sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._ops: Mapping[str, Callable[[Mapping[str, Any]], _Answer]] = {
            "status": self._status,
            "vault_put": self._vault_put,
            "vault_get": self._vault_get,
            "denials": self._denials,
            "cut": self._cut,
        }

    async def answer(self, line: bytes) -> dict[str, Any]:
        """The reply to one request line. Never raises; the text of an error names no value."""
        configure = partial(self._configure, self._sidecar.cuts)  # as of now: reading takes time
        try:
            request = await self._read(line)
            name = request["op"]
            operation = configure if name == "configure" else self._ops[name]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"ok": False, "error": "not a known request"}
        try:
            found = operation(request)
            return {"ok": True, **(found if isinstance(found, dict) else await found)}
        except Exception as error:  # noqa: BLE001 - fail closed: what failed has changed nothing
            # A RouteError says what is wrong with a route; other texts could quote a value.
            told = str(error) if type(error).__name__ == "RouteError" else type(error).__name__
            return {"ok": False, "error": f"{request['op']}: {told}"}

    async def _read(self, line: bytes) -> Any:
        """A request; large ones are read where no stream waits for it."""
        if len(line) < _LARGE:
            return json.loads(line)
        return await self._sidecar.compiler.aside(lambda: json.loads(line))

    def _status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"status": self._sidecar.status()}

    async def _configure(self, cuts: int, request: Mapping[str, Any]) -> dict[str, Any]:
        secrets, key = request["secrets"], bytes.fromhex(request["hmac_key"])
        if not _texts(secrets):
            raise TypeError("secrets")
        config = await self._sidecar.compiler.aside(lambda: from_wire(request["config"]))
        active = await self._sidecar.configure(config, secrets, key, cuts)
        return {"config_hash": active.config_hash, "secrets": list(active.fingerprints)}

    def _vault_put(self, request: Mapping[str, Any]) -> dict[str, Any]:
        values = request["values"]
        if not _texts(values):
            raise TypeError("values")
        self._sidecar.vault = dict(values)
        return {"names": sorted(self._sidecar.vault)}

    def _vault_get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        wanted = request.get("names")
        vault = self._sidecar.vault
        return {"values": {n: vault[n] for n in (wanted or vault) if n in vault}}

    def _denials(self, request: Mapping[str, Any]) -> dict[str, Any]:
        limit = max(0, min(int(request.get("limit", 50)), 500))
        return {"denials": list(self._sidecar.log.denials)[-limit:] if limit else []}

    def _cut(self, request: Mapping[str, Any]) -> dict[str, Any]:
        hold = Hold("cutoff", "operator", str(request.get("message", "")) or "cut off by bb")
        return {"streams": self._sidecar.cut_off(hold)}


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )


async def serve(sidecar: Sidecar, directory: Path) -> asyncio.Server:
    """Listen on ``directory/control.sock``, replacing a socket left by an earlier process."""
    control, path = Control(sidecar), directory / SOCKET
    with suppress(FileNotFoundError):
        path.unlink()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                reply = json.dumps(await control.answer(line), separators=(",", ":"))
                writer.write(reply.encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError):  # a line over the limit, or a peer that left
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(client, str(path), limit=MAX_LINE)
    path.chmod(0o600)
    return server
