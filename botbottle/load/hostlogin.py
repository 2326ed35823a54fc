"""The operator's own logins, read from where their programs keep them.

Nothing is written there, and nothing but what ``providers.hostlogin`` takes is kept: the refresh
token is dropped as soon as the file is parsed. An unchanged file is read once.

A file that others may read is refused: the programs write theirs for the owner alone, so it is
either not a login of theirs or one that has leaked; one that others may write could be exchanged
for a login of somebody else, who would then get every prompt.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from botbottle.providers import HOST_LOGINS, HostLogin, login
from botbottle.providers.hostlogin import NoLogin, claude, forwarded, plain

MAX_BYTES = 256 * 1024

type Identity = tuple[int, int, int, int, int]  # device, inode, size, times of change in ns


class Found(Struct, frozen=True):
    """A login's text for the sidecar, or '' and ``why``: what is wrong and what to do."""

    text: str = ""
    why: str = ""

    def __repr__(self) -> str:
        return f"Found(why={self.why!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("why", self.why)]


class Unusable(Exception):
    """A file that is not used; the text says why and what to do, and quotes nothing of it."""


class HostLogins:
    """The host logins of one user. ``clock``: seconds since the epoch."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._environ, self._clock = environ, clock
        self._read: dict[str, tuple[Identity, str]] = {}

    def find(self, name: str) -> Found:
        """The login of this name (one of ``HOST_LOGINS``) as it is now."""
        own = HOST_LOGINS[name]
        place = own.variable
        try:
            if given := self._environ.get(own.variable, "").strip():
                text = _given(own, given)
            else:
                place = str(self.path(own))
                text = self._from_file(own, Path(place))
        except Unusable as error:
            return Found(why=str(error))
        found = login.read(text)
        if found is not None and found.expired(self._clock()):
            return Found(why=f"the login in {place} has expired: {_again(own)}")
        return Found(text)

    def path(self, own: HostLogin) -> Path:
        """Where the program keeps its login. Raises Unusable."""
        if named := self._environ.get(own.folder_variable, ""):
            try:
                return Path(named).expanduser() / own.file
            except RuntimeError:
                raise Unusable(f"{own.folder_variable} names no user's home: {named}") from None
        home = self._environ.get("HOME", "") or str(Path.home())
        return Path(home) / own.folder / own.file

    def _from_file(self, own: HostLogin, path: Path) -> str:
        handle = -1
        try:
            # Without waiting: what lies there may be a pipe that nobody writes to.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            seen = _checked(path, os.fstat(handle))
            known = self._read.get(own.secret)
            if known is None or known[0] != seen:
                with os.fdopen(handle, "rb", closefd=False) as file:
                    known = (seen, _taken(own, path, file.read(MAX_BYTES + 1)))
                self._read[own.secret] = known
            return known[1]
        except FileNotFoundError:
            raise Unusable(f"there is no login at {path}: {_missing(own)}") from None
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror}") from None
        finally:
            if handle >= 0:
                os.close(handle)


def _checked(path: Path, found: os.stat_result) -> Identity:
    """Which file it is, and in which state. Raises Unusable unless it is a plain file of this
    user and for this user alone."""
    if not stat.S_ISREG(found.st_mode):
        raise Unusable(f"{path} is not a regular file")
    if found.st_uid != os.geteuid():
        raise Unusable(f"{path} belongs to another user")
    if found.st_mode & 0o077:
        raise Unusable(f"{path} is open to other users: chmod 600 {path}, then log in again")
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _taken(own: HostLogin, path: Path, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Unusable(f"{path} is too large for a login")
    try:
        return forwarded(own, data.decode())
    except UnicodeDecodeError:
        raise Unusable(f"{path} is not a login: it is not text; {_again(own)}") from None
    except NoLogin as error:
        raise Unusable(f"{path} is not a login: {error}; {_again(own)}") from None


def _given(own: HostLogin, token: str) -> str:
    if not plain(token):
        raise Unusable(f"{own.variable} holds no token: it has characters that no header can hold")
    return claude(token)


def _again(own: HostLogin) -> str:
    return f"{own.renewal}, then bb apply"


def _missing(own: HostLogin) -> str:
    other = f", or set {own.variable}" if own.variable else ""
    return f"{_again(own)}{other}"
