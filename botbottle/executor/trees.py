"""Reading a tree of the host that is copied into a bottle.

Whoever writes a project's files chooses what lies there, also while it is read. So every step goes
through the directory that was opened before it and follows no link: what was looked at is what is
read. Sizes are asked before anything is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from botbottle.errors import BBError

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe holds up nobody


class Entry(Struct, frozen=True):
    """One part of a tree: ``path`` below its start (empty: the start itself), ``mode`` with its
    kind, the bytes of a file or the target of a link."""

    path: str
    mode: int
    data: bytes = b""
    link: str = ""


HEAD = 512  # bytes that an entry takes in an archive beside its content


class Room:
    """Bytes that may still be kept of trees. ``source`` names the tree in the refusal."""

    def __init__(self, size: int) -> None:
        self.size, self.left = size, size

    def take(self, size: int, source: str) -> None:
        self.left -= size
        if self.left < 0:
            raise BBError(
                f"{source} is too large to copy (limit {self.size >> 20} MiB)",
                code="BB1012",
                hint="name a smaller folder, or clone inside the bottle",
            )


def entries(source: str, room: Room) -> Iterator[Entry]:
    """The tree at an absolute path, in a stable order; links are told, never followed, on the way
    to it, too. Raises BBError (BB1012) for what cannot be read or is a link."""
    try:
        handle = _start(source)
        try:
            for entry in _below(handle, source, room):
                room.take(HEAD, source)
                yield entry
        finally:
            os.close(handle)
    except OSError as error:
        raise BBError(f"cannot read {source}: {error.strerror or error}", code="BB1012") from error


def _start(source: str) -> int:
    """The directory, opened step by step."""
    handle = os.open("/", _STEP)
    for part in Path(source).parts[1:]:
        before = handle
        try:
            found = os.stat(part, dir_fd=before, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise _linked(source)
            handle = os.open(part, _STEP, dir_fd=before)
        finally:
            os.close(before)
    return handle


def _linked(source: str) -> BBError:
    return BBError(
        f"{source} is, or leads through, a symbolic link, which is not followed",
        code="BB1012",
        hint="name a folder of the project itself",
    )


def _below(handle: int, source: str, room: Room) -> Iterator[Entry]:
    if not stat.S_ISDIR(os.fstat(handle).st_mode):
        raise BBError(f"{source} is not a folder", code="BB1012", hint="name the folder it is in")
    for root, directories, names, folder in os.fwalk(".", dir_fd=handle, onerror=_raise):
        directories.sort()
        base = root.removeprefix(".").removeprefix("/")
        yield Entry(base, os.fstat(folder).st_mode)
        linked = [d for d in directories if _is_link(d, folder)]
        for name in sorted([*names, *linked]):
            found = _entry(name, f"{base}/{name}" if base else name, folder, source, room)
            if found is not None:
                yield found


def _raise(error: OSError) -> None:
    raise error


def _is_link(name: str, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _entry(name: str, path: str, folder: int, source: str, room: Room) -> Entry | None:
    """A file or a link; None for pipes, sockets and devices."""
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        return Entry(path, found.st_mode, link=os.readlink(name, dir_fd=folder))
    if not stat.S_ISREG(found.st_mode):
        return None
    handle = os.open(name, _READ, dir_fd=folder)
    try:
        return Entry(path, os.fstat(handle).st_mode, _content(handle, source, room))
    finally:
        os.close(handle)


def _content(handle: int, source: str, room: Room) -> bytes:
    """All bytes of a file that does not grow beyond the room while it is read."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):  # it was one when it was looked at
        return b""
    room.take(found.st_size, source)
    data = bytearray()
    while piece := os.read(handle, 1 << 20):
        data += piece
        if len(data) > found.st_size:
            room.take(len(piece), source)
    return bytes(data)
