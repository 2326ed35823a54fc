"""Programs run inside a container, with input that leaves no trace.

The connection is upgraded ("hijacked") to a raw stream: what we write is the program's stdin,
and half-closing it is its end of file. The other direction is framed (see ``frames``).
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any

from botbottle.engine import sdk
from botbottle.engine.api import ExecResult
from botbottle.engine.connection import Connection
from botbottle.engine.frames import Frames
from botbottle.engine.lookup import target
from botbottle.errors import EngineError, Transient
from botbottle.model.plan import Ref

_MAX_OUTPUT = 16 * 1024 * 1024  # bytes kept of each stream; the rest is dropped


def run(
    connection: Connection,
    ref: Ref,
    argv: Sequence[str],
    *,
    stdin: bytes,
    user: str,
    timeout: float,
) -> ExecResult:
    """Run ``argv``, feed ``stdin``, wait. Raises EngineError after ``timeout`` seconds (the
    program may then still run: the engine cannot kill an exec)."""
    client = connection.client()
    name = f"run {argv[0]} in {ref.name}"
    deadline = time.monotonic() + timeout
    with sdk.translated(name, connection.address):
        made = client.exec_create(
            target(ref), list(argv), stdin=bool(stdin), stdout=True, stderr=True, user=user
        )
        handle = client.exec_start(made["Id"], socket=True)
        raw: Any = getattr(handle, "_sock", handle)  # SocketIO wraps the socket
        try:
            if type(raw) is not socket.socket:
                raise EngineError(
                    "programs cannot be run over TLS or ssh: neither lets us end the input",
                    where=name,
                    hint="run bb on the engine's machine",
                )
            out, err = _converse(raw, stdin, deadline, name)
        finally:
            _close(handle)
        code = _exit_code(client, made["Id"], deadline, name)
    return ExecResult(code, out, err)


def _close(handle: Any) -> None:
    """The response first: it would complain about its socket when it is collected later."""
    response = getattr(handle, "_response", None)
    if response is not None:
        response.close()
    handle.close()


def _converse(raw: Any, stdin: bytes, deadline: float, name: str) -> tuple[bytes, bytes]:
    """Write and read at the same time: a program may fill its output before it reads input."""
    streams = {1: bytearray(), 2: bytearray()}
    frames = Frames()
    pending = memoryview(stdin)
    raw.setblocking(False)
    with selectors.DefaultSelector() as selector:
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        selector.register(raw, both if stdin else selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineError("timed out", where=name)
            for _, mask in selector.select(left):
                if mask & selectors.EVENT_WRITE:
                    pending = pending[raw.send(pending[:65536]) :]
                    if not pending:
                        raw.shutdown(socket.SHUT_WR)
                        selector.modify(raw, selectors.EVENT_READ)
                if mask & selectors.EVENT_READ:
                    data = raw.recv(65536)
                    if not data:
                        return bytes(streams[1]), bytes(streams[2])
                    for kind, payload in frames.feed(data):
                        kept = streams.get(kind)
                        if kept is not None and len(kept) < _MAX_OUTPUT:
                            kept += payload


def _exit_code(client: Any, exec_id: str, deadline: float, name: str) -> int:
    """The stream's end comes a moment before the engine has noted the exit code."""
    while True:
        state = client.exec_inspect(exec_id)
        if not state["Running"] and state["ExitCode"] is not None:
            return int(state["ExitCode"])
        if time.monotonic() > deadline:
            raise Transient(f"{name}: the engine does not report an exit code")
        time.sleep(0.01)
