"""A renewed login on the sidecar's own disk, unreadable without the login it was made from.

A refresh token works once. After a restart bb delivers the text it has, whose refresh token was
used up; without this the login would be lost. What is written is encrypted with a key derived
(HKDF, RFC 5869) from the login's origin, a part of the delivered text, which is in memory only,
here and at bb's.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12  # bytes
_TAG = 16  # bytes that encryption adds at the end
_NAME = 16  # bytes of the file's name
_CANNOT = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)  # a file system that reserves nothing
_ROOM = 160 * 1024  # bytes of a file: more than two answers of a token endpoint


class Sealed:
    """Renewed logins in one directory. ``origin``: what a login was made from."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def reserve(self, origin: str) -> None:
        """Have room for what is to be kept, so that a full disk is met before a refresh token is
        used up. Raises OSError."""
        handle = os.open(_next(self._of(origin)[0]), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, _ROOM)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
        finally:
            os.close(handle)

    def keep(self, origin: str, text: str) -> None:
        """Replace what is kept for a login. Raises OSError."""
        path, key = self._of(origin)
        nonce = os.urandom(_NONCE)
        filled = text.encode().ljust(_ROOM - _NONCE - _TAG)
        data = nonce + AESGCM(key).encrypt(nonce, filled, None)
        handle = os.open(_next(path), os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.truncate(len(data))  # what was reserved stays
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _put(path)

    def kept(self, origin: str) -> str:
        """The newest text of a login, or ''. One that was written, and not put in place before the
        process ended, is the newest."""
        path, key = self._of(origin)
        if found := _opened(_next(path), key):
            with suppress(OSError):
                _put(path)
        return found or _opened(path, key)

    def _of(self, origin: str) -> tuple[Path, bytes]:
        """File and key: neither tells anything about the other or the login."""
        made = HKDF(SHA256(), _NAME + 32, None, b"botbottle login").derive(origin.encode())
        return self._directory / f"login-{made[:_NAME].hex()}", made[_NAME:]


def _next(path: Path) -> Path:
    return path.with_suffix(".new")


def _put(path: Path) -> None:
    """The next becomes what is kept, also when the machine stops now."""
    _next(path).replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(path: Path, key: bytes) -> str:
    """The text in a file; '' where there is none that is whole."""
    try:
        data = path.read_bytes()
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], None).decode().rstrip()
    except (OSError, InvalidTag, ValueError):
        return ""
