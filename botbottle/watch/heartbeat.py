"""Signs of life: a file whose time moves while the loop turns, and systemd's notify protocol.

They say that the loop is not stuck, not that it had anything to do. systemd's protocol
(sd_notify(3)) is datagrams of ``KEY=VALUE`` lines to the unix socket that NOTIFY_SOCKET names; a
leading ``@`` stands for the abstract name space.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

EVERY = 1.0  # seconds between two beats


class Heartbeat:
    """``beat`` may be called as often as one likes and from any thread; it never fails."""

    def __init__(
        self, file: Path | None, notify: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._file, self._notify, self._clock = file, notify, clock
        self._next = float("-inf")

    def beat(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY
        self._notify("WATCHDOG=1")
        if self._file is not None:
            with contextlib.suppress(OSError):
                _write(self._file)

    def ready(self) -> None:
        """The loop enforces from now on."""
        self._notify(f"READY=1\nSTATUS=enforcing\nMAINPID={os.getpid()}")
        self.beat()

    def stopping(self) -> None:
        """The end: the file goes, so that its absence says so."""
        self._notify("STOPPING=1")
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)


def _write(file: Path) -> None:
    """Whole or not at all; owner only."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(json.dumps({"pid": os.getpid(), "at": round(time.time(), 1)}) + "\n")
    new.replace(file)


def systemd(environ: Mapping[str, str]) -> Callable[[str], None]:
    """A function that tells the service manager; does nothing where there is none."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return lambda _text: None
    name = "\0" + address[1:] if address.startswith("@") else address
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    channel.setblocking(False)

    def tell(text: str) -> None:
        with contextlib.suppress(OSError):
            channel.sendto(text.encode(), name)

    return tell
