"""Programs run inside a container, with input that leaves no trace.

The connection is upgraded ("hijacked") to a raw stream: what we write is the program's stdin,
and half-closing it is its end of file. The other direction is framed (see ``frames``).
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence

from botbottle.engine import errors
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
    name = f"run {argv[0]} in {ref.name}"
    deadline = time.monotonic() + timeout
    wanted = {
        "Cmd": list(argv), "User": user, "AttachStdin": bool(stdin), "AttachStdout": True,
        "AttachStderr": True, "Tty": False,
    }  # fmt: skip
    made = connection.write("POST", f"/containers/{target(ref)}/exec", wanted, call=name)
    path = f"/exec/{made['Id']}"
    raw = connection.converse(f"{path}/start", {"Detach": False, "Tty": False}, call=name)
    try:
        out, err = _converse(raw.channel, stdin, deadline, name)
    except OSError as error:
        raise errors.from_os_error(error, connection.address) from error
    finally:
        raw.close()
    return ExecResult(_exit_code(connection, f"{path}/json", deadline, name), out, err)


def _converse(raw: socket.socket, stdin: bytes, deadline: float, name: str) -> tuple[bytes, bytes]:
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


def _exit_code(connection: Connection, path: str, deadline: float, name: str) -> int:
    """The stream's end comes a moment before the engine has noted the exit code."""
    while True:
        state = connection.get_json(path)
        if not state["Running"] and state["ExitCode"] is not None:
            return int(state["ExitCode"])
        if time.monotonic() > deadline:
            raise Transient(f"{name}: the engine does not report an exit code")
        time.sleep(0.01)
