"""How failures are told: expected ones as what, where, why and the next command; bugs as one
line and a log file that holds versions and traceback, never a value."""

from __future__ import annotations

import errno
import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from botbottle import __version__
from botbottle.cli.verbs import VERBS
from botbottle.errors import BBError, Exit, exit_code_for

_RIGHTS = "check who owns it and its permissions"
_SPACE = "make room, then run the same command again"
# Failures of the machine that any reading or writing can meet, each with where to look.
SURROUNDINGS = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "the file system is read-only: choose another --home, or mount it writable",
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.ENOTDIR: "a file is where a directory should be: move it away",
    errno.EISDIR: "a directory is where a file should be: move it away",
    errno.ELOOP: "a symbolic link leads back to itself: remove it",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENFILE: "the machine has no more open files: end other programs",
    errno.EIO: "the disk fails: look at the kernel's log (dmesg)",
}


def report(error: BaseException, args: Sequence[str], err: TextIO) -> int:
    """Write the message for ``error`` to ``err`` and return its exit code."""
    if isinstance(error, BBError):
        err.write(describe(error))
    elif isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        err.write("bb: interrupted\n")
        return int(Exit.INTERRUPTED)
    elif isinstance(error, BrokenPipeError):
        return int(Exit.OK)
    elif isinstance(error, OSError) and error.errno in SURROUNDINGS:
        err.write(describe(of_surroundings(error)))
        return int(Exit.FAILURE)
    else:
        err.write(f"bb: this is a bug: {type(error).__name__}. {_logged(error, args)}\n")
    return exit_code_for(error)


def of_surroundings(error: OSError) -> BBError:
    """What the machine refused, where, and what to look at; none of it is bb's own mistake."""
    hint = SURROUNDINGS[error.errno or 0]
    return BBError(error.strerror or "", code="BB1002", where=str(error.filename or ""), hint=hint)


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
    return "\n".join(lines) + "\n"


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
