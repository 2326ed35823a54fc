"""One line of JSON there, one line back, over a unix socket, within a time.

The peer may be hostile: whatever it sends, slowly or not at all, the caller gets an object whose
``ok`` is true, SidecarRefused, or SidecarUnreachable, and never the peer's text in the latter.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from botbottle.errors import EngineError, Transient

MAX_REPLY = 16 * 1024 * 1024  # bytes
MAX_REASON = 1000  # characters of a refusal's text


class SidecarUnreachable(Transient):
    """No sidecar gives an answer of use on this socket: it is starting, gone, hung or broken."""

    code = "BB1101"


class NobodyListens(SidecarUnreachable):
    """There is no process behind the socket."""


class SidecarRefused(EngineError):
    """The sidecar keeps its old configuration. The message is its own and names no value."""

    code = "BB8101"


class Channel:
    """One connection. Not thread-safe. ``timeout`` in seconds bounds each send and each whole
    answer, however the peer spreads its bytes."""

    def __init__(self, peer: socket.socket, timeout: float) -> None:
        self._peer = peer
        self._timeout = timeout
        self._buffer = bytearray()

    def close(self) -> None:
        """Hang up."""
        self._peer.close()

    def fileno(self) -> int:
        return self._peer.fileno()

    def send(self, request: Mapping[str, Any]) -> None:
        try:
            self._peer.settimeout(self._timeout)
            self._peer.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise silent(error) from None

    def wait(self) -> dict[str, Any]:
        """The next answer. Raises SidecarUnreachable, SidecarRefused."""
        self.wait_line()
        return self.answer()

    def wait_line(self) -> None:
        """Until a whole answer, of any kind, has arrived. Raises SidecarUnreachable."""
        deadline = monotonic() + self._timeout
        while not self.receive(deadline - monotonic()):
            pass

    def receive(self, seconds: float) -> bool:
        """Read once; whether a whole answer is there. Raises SidecarUnreachable."""
        if b"\n" in self._buffer:
            return True
        try:
            if seconds <= 0:
                raise TimeoutError
            self._peer.settimeout(max(0.001, seconds))
            data = self._peer.recv(65536)
            if not data:
                raise ConnectionResetError
            self._buffer += data
            if len(self._buffer) > MAX_REPLY:
                raise ValueError
        except (OSError, ValueError) as error:
            raise silent(error) from None
        return b"\n" in data

    def line(self) -> Any:
        """The JSON value that has arrived. Raises SidecarUnreachable when it is none."""
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return _parsed(bytes(line))
        except (ValueError, RecursionError) as error:
            raise silent(error) from None

    def answer(self) -> dict[str, Any]:
        """The answer that has arrived. Raises SidecarUnreachable, SidecarRefused."""
        reply = self.line()
        if isinstance(reply, dict) and reply.get("ok") is True:
            return reply
        reason = reply.get("error") if isinstance(reply, dict) and not reply.get("ok") else None
        if not isinstance(reason, str):
            raise silent(TypeError())
        raise SidecarRefused(f"the egress sidecar refused: {reason[:MAX_REASON]}")


def _parsed(line: bytes) -> Any:
    """Raises ValueError. An agent's own text may be in an answer (the path of a denial), so halves
    of surrogate pairs, which no encoding can write, are replaced and not refused."""
    value = json.loads(line)
    if b"\\ud" in line.lower():
        return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    return value


def silent(error: Exception) -> SidecarUnreachable:
    """The error of an answer that did not come or is of no use; quotes nothing of it."""
    return SidecarUnreachable(f"the egress sidecar did not answer ({type(error).__name__})")


def opened(directory: str | Path, name: str, timeout: float) -> Channel:
    """A connection to the socket ``name`` in ``directory``. Raises NobodyListens where there is no
    process, and SidecarUnreachable where one may be.

    A sidecar can write in the directory: a symbolic link would lead to another bottle's socket."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(timeout)
    try:
        handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _connect(peer, handle, name)
        finally:
            os.close(handle)
    except OSError as error:
        peer.close()
        gone = isinstance(error, FileNotFoundError | ConnectionRefusedError)
        raise (NobodyListens if gone else SidecarUnreachable)(
            f"no egress sidecar answers on its control socket ({error.strerror or error})"
        ) from None
    return Channel(peer, timeout)


def _connect(peer: socket.socket, directory: int, name: str) -> None:
    """To the very file that was looked at; only a socket is one."""
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        if not stat.S_ISSOCK(os.fstat(found).st_mode):
            raise OSError(errno.EEXIST, "something else is in its place")
        peer.connect(f"/proc/self/fd/{found}")
    finally:
        os.close(found)
