"""A renewed login on the sidecar's own disk, unreadable without the login it was made from.

A refresh token works once. After a restart bb delivers the text it has, whose refresh token was
used up; without this the login would be lost. What is written is encrypted with a key derived
(HKDF, RFC 5869) from the delivered text, which is in memory only, here and at bb's.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12  # bytes
_NAME = 16  # bytes of the file's name


class Sealed:
    """Renewed logins in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, delivered: str, text: str) -> None:
        """Replace what is kept for a delivered login. Raises OSError."""
        path, key = self._of(delivered)
        nonce = os.urandom(_NONCE)
        partial = path.with_suffix(".new")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(nonce + AESGCM(key).encrypt(nonce, text.encode(), None))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def kept(self, delivered: str) -> str:
        """The newest text of a delivered login, or ''."""
        path, key = self._of(delivered)
        try:
            data = path.read_bytes()
            return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], None).decode()
        except (OSError, InvalidTag, ValueError):
            return ""

    def _of(self, delivered: str) -> tuple[Path, bytes]:
        """File and key: neither tells anything about the other or the login."""
        made = HKDF(SHA256(), _NAME + 32, None, b"botbottle login").derive(delivered.encode())
        return self._directory / f"login-{made[:_NAME].hex()}", made[_NAME:]
