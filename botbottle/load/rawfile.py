"""A manifest's bytes: of a regular file, with limits."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from botbottle.load.fault import Fault
from botbottle.load.limits import MAX_FILE_BYTES


def read_bytes(path: Path, *, of_project: bool = False) -> bytes:
    """The content of a regular file. One ``of_project`` (``PROJECT/.bot-bottle/KIND/NAME.md``) lies
    in that project wherever links lead: its text becomes a prompt. Raises Fault."""
    if of_project and leads_out(path):
        raise Fault("BB2001", "the symbolic link leads out of the project", hint="copy the file")
    try:
        # O_NONBLOCK: a FIFO planted in the folder must not hang the reader.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(error, path) from error
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        os.close(descriptor)
        raise Fault("BB2001", "this is not a regular file", hint="remove or rename it")
    with os.fdopen(descriptor, "rb") as file:
        if info.st_size > MAX_FILE_BYTES:
            raise Fault(
                "BB2002",
                f"the file has {info.st_size} bytes; at most {MAX_FILE_BYTES} are read",
                hint="a manifest is a page, not a book: move long texts elsewhere",
            )
        return file.read(MAX_FILE_BYTES + 1)


def leads_out(path: Path) -> bool:
    """Whether the file is another one than the project's, or than those that its whole
    ``.bot-bottle`` folder is a link to."""
    folder = path.parents[1]
    real = Path(os.path.realpath(path))
    roots = (os.path.realpath(folder), os.path.realpath(folder.parent))
    return not any(real.is_relative_to(root) for root in roots)


def _unreadable(error: OSError, path: Path) -> Fault:
    if error.errno == errno.ELOOP:
        return Fault("BB2001", "the symbolic link leads back to itself", hint="remove the link")
    if error.errno == errno.ENOENT and not path.is_symlink():
        return Fault("BB2001", "the file is gone", hint="it was removed meanwhile; try again")
    if error.errno == errno.ENOENT:
        return Fault("BB2001", "the symbolic link leads nowhere", hint="remove or repair the link")
    reason = (error.strerror or "unknown error").lower()
    return Fault("BB2001", f"the file cannot be read: {reason}", hint="check its permissions")
