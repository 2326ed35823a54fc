"""Failures of the machine that any reading or writing can meet, each with where to look."""

from __future__ import annotations

import errno
from typing import TypeGuard

from botbottle.errors import BBError

_RIGHTS = "check who owns it and its permissions"
_SPACE = "make room, then run the same command again"
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
    errno.EPIPE: "whoever it was talking to has ended: run the same command again",
}


def refused_by_machine(error: BaseException) -> TypeGuard[OSError]:
    """Whether this is one of them, and none of bb's own mistakes."""
    return isinstance(error, OSError) and error.errno in SURROUNDINGS


def of_surroundings(error: OSError) -> BBError:
    """What the machine refused, where (as far as it said), and what to look at."""
    hint = SURROUNDINGS[error.errno or 0]
    return BBError(error.strerror or "", code="BB1002", where=str(error.filename or ""), hint=hint)
