"""How failures are told: expected ones as what, where, why and the next command; bugs as one
line and a log file that holds versions and traceback, never a value."""

from __future__ import annotations

import os
import platform
import select
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from botbottle import __version__
from botbottle.cli.verbs import VERBS
from botbottle.errors import BBError, Exit, exit_code_for
from botbottle.surroundings import of_surroundings, refused_by_machine
from botbottle.ui.visible import visible

_INTERRUPTS = (KeyboardInterrupt, EOFError)  # Ctrl-C, and Ctrl-D at a question


def failed(error: BaseException, args: Sequence[str]) -> int:
    """Tell the failure of a process on its own streams and return its exit code. Where nobody
    reads these any more there is nothing to tell."""
    unread = [s for s in (sys.stdout, sys.stderr) if not _sent(s)]
    if isinstance(error, BrokenPipeError) and (unread or _left(1) or _left(2)):
        return int(Exit.FAILURE)
    try:
        return report(error, args, sys.stderr)
    except OSError:  # standard error is full or closed
        _sent(sys.stderr)
        return code_of(error)


def _sent(stream: TextIO) -> bool:
    """Send on what is still in the stream, so that it stands before the failure's message. What
    cannot be sent is dropped: it would fail once more at the end of the process."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), stream.fileno())
        return False
    return True


def _left(number: int) -> bool:
    """Whether the reader of this stream has left (``| head``)."""
    poll = select.poll()
    poll.register(number, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in poll.poll(0))


def report(error: BaseException, args: Sequence[str], err: TextIO) -> int:
    """Write the message for ``error`` to ``err`` and return its exit code."""
    if isinstance(error, BBError):
        err.write(describe(error))
    elif isinstance(error, _INTERRUPTS):
        err.write("\nbb: interrupted\n")
    elif refused_by_machine(error):
        err.write(describe(of_surroundings(error)))
    else:
        err.write(f"bb: this is a bug: {type(error).__name__}. {_logged(error, args)}\n")
    return code_of(error)


def code_of(error: BaseException) -> int:
    """The exit code for ``error``."""
    if isinstance(error, _INTERRUPTS):
        return int(Exit.INTERRUPTED)
    return int(Exit.FAILURE) if refused_by_machine(error) else exit_code_for(error)


def _logged(error: BaseException, args: Sequence[str]) -> str:
    try:
        return f"Details without values: {write_bug_log(error, args)}"
    except OSError as failed:
        return f"Its log could not be written: {failed.strerror}"


def describe(error: BBError) -> str:
    """``error BB8001: message`` with place and way out on their own lines."""
    lines = [f"error {error.code}: {error.message}"]
    if error.where:
        lines.append(f"  at: {error.where}")
    lines += [f"  next: {line}" for line in error.hint.splitlines()]
    return visible("\n".join(lines), keep="\n\t") + "\n"


def write_bug_log(error: BaseException, args: Sequence[str]) -> Path:
    """A private file with versions, the verb and the frames. Exception texts and arguments are
    left out: they may carry values."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"bb {__version__} python {platform.python_version()} {platform.platform()}",
        f"verb: {next((a for a in args if a in VERBS), '')}",
        f"exception: {type(error).__module__}.{type(error).__qualname__}",
        *(f"  {f.filename}:{f.lineno} in {f.name}" for f in frames),
    ]
    handle, path = tempfile.mkstemp(prefix="bb-bug-", suffix=".log")
    with os.fdopen(handle, "w") as log:
        log.write("\n".join(lines) + "\n")
    return Path(path)
