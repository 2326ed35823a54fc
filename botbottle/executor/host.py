"""Directories and files on the host that containers mount: made before the container is created."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from botbottle.errors import BBError

type Owner = tuple[int, int] | None
type Made = Iterable[tuple[str, int]]


def make_directories(directories: Made, user: str) -> None:
    """Make each directory with exactly its mode. Running as root, they belong to the container's
    ``user`` (``uid:gid``); otherwise to us, whose uid the container's must then be.

    A symbolic link or another user's directory in their place is refused: what is mounted must
    be what the plan says.
    """
    _all(directories, user, "directory", _directory)


def make_files(files: Made, user: str) -> None:
    """The same for files; new ones are empty. Only a regular file is accepted in their place."""
    _all(files, user, "file", _file)


def _all(wanted: Made, user: str, kind: str, make: Callable[[Path, int], int]) -> None:
    owner = _ids(user) if os.geteuid() == 0 else None
    for path, mode in wanted:
        try:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _settle(make(Path(path), mode), mode, owner)
        except OSError as error:
            raise BBError(
                f"cannot make the {kind} {path}: {error.strerror or error}",
                code="BB1010",
                hint="check the permissions of the bb home directory",
            ) from error


# O_NOFOLLOW: from here on this very directory or file is changed, not what a link points to.
def _directory(path: Path, mode: int) -> int:
    path.mkdir(mode=mode, exist_ok=True)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _file(path: Path, mode: int) -> int:
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags, mode)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EEXIST, "something else is in its place")
    return handle


def _settle(handle: int, mode: int, owner: Owner) -> None:
    try:
        os.fchmod(handle, mode)
        if owner is not None:
            os.fchown(handle, *owner)
    finally:
        os.close(handle)


def _ids(user: str) -> Owner:
    """Numeric ``uid[:gid]``; None for names, which only the image can resolve."""
    uid, _, gid = user.partition(":")
    if not uid.isdigit() or not (gid or uid).isdigit():
        return None
    return int(uid), int(gid or uid)
