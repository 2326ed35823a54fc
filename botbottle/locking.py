"""The project's lock: an flock, so the kernel gives it back whatever happens to its holder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from botbottle.errors import Locked

POLL = 0.05  # seconds between attempts

type Mark = tuple[int, int]  # of a lock file: which file, and when it was last taken or given back


def resting(path: str) -> Mark | None:
    """The mark of a lock that nobody holds. While it stays the same, nobody has held the lock.
    None while somebody holds it, after a holder that was killed, and where there is no file."""
    try:
        return _mark(os.stat(path))  # noqa: PTH116 - as for a handle
    except OSError:
        return None


def _mark(found: os.stat_result) -> Mark | None:
    """Whoever gives the lock back leaves the file empty."""
    return None if found.st_size else (found.st_ino, found.st_mtime_ns)


def operator() -> str:
    """Who works here, for the audit and the history: the login name, or the number of a user
    without one."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@contextlib.contextmanager
def project_lock(
    path: str,
    verb: str,
    *,
    timeout: float = 0.0,
    waiting: Callable[[str], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Mark | None]:
    """Hold the lock file ``path`` for the duration of the block, which gets the mark that the
    lock rested with (see ``resting``).

    ``timeout`` is in seconds; ``waiting`` is told once who holds it. Raises Locked.
    """
    file = Path(path)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = _open(file)
    try:
        _acquire(handle, file, timeout, waiting, sleep, clock)
        rested = _mark(os.fstat(handle))
        _write_info(handle, verb)
        try:
            yield rested
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _open(file: Path) -> int:
    """A lock that was taken before is as good where nothing can be written: a stop needs it."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS or not file.exists():
            raise
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)


def _acquire(
    handle: int,
    file: Path,
    timeout: float,
    waiting: Callable[[str], None] | None,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> None:
    deadline, told = clock() + timeout, False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if clock() >= deadline:
                raise Locked(
                    f"another bb works on this project: {holder(file)}",
                    hint="wait for it, or let bb wait: bb --lock-timeout SECONDS …",
                ) from None
        if waiting and not told:
            waiting(f"waiting for {holder(file)}")
            told = True
        sleep(POLL)


def _write_info(handle: int, verb: str) -> None:
    info = {
        "pid": os.getpid(),
        "verb": verb,
        "since": int(time.time()),
        "host": socket.gethostname(),
        "pane": os.environ.get("TMUX_PANE", ""),
    }
    with contextlib.suppress(OSError):  # a full disk: who waits is told less, the lock is as good
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(info).encode(), 0)


def holder(file: Path) -> str:
    """Who holds the lock, in words; never fails."""
    try:
        info = json.loads(file.read_text())
        pane = f" in tmux pane {info['pane']}" if info.get("pane") else ""
        seconds = max(int(time.time()) - int(info["since"]), 0)
        return f"bb {info['verb']}, process {info['pid']} on {info['host']}{pane}, for {seconds} s"
    except (OSError, ValueError, KeyError, TypeError):
        return "an unknown process"
