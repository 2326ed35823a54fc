"""Directories on the host that containers mount: made before the container is created."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from botbottle.errors import BBError


def make_directories(directories: Iterable[tuple[str, int]], user: str) -> None:
    """Make each directory with exactly its mode. Running as root, they belong to the container's
    ``user`` (``uid:gid``); otherwise to us, whose uid the container's must then be.

    A symbolic link or another user's directory in their place is refused: what is mounted must
    be what the plan says.
    """
    owner = _ids(user) if os.geteuid() == 0 else None
    for path, mode in directories:
        try:
            _make(Path(path), mode, owner)
        except OSError as error:
            raise BBError(
                f"cannot make the directory {path}: {error.strerror or error}",
                code="BB1010",
                hint="check the permissions of the bb home directory",
            ) from error


def _make(path: Path, mode: int, owner: tuple[int, int] | None) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=mode, exist_ok=True)
    # O_NOFOLLOW: from here on this very directory is changed, not what a link points to.
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(fd, mode)
        if owner is not None:
            os.fchown(fd, *owner)
    finally:
        os.close(fd)


def _ids(user: str) -> tuple[int, int] | None:
    """Numeric ``uid[:gid]``; None for names, which only the image can resolve."""
    uid, _, gid = user.partition(":")
    if not uid.isdigit() or not (gid or uid).isdigit():
        return None
    return int(uid), int(gid or uid)
