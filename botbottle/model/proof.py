"""Proving knowledge of a secret without showing it."""

from __future__ import annotations

import hashlib
import hmac


def proof(value: str, nonce: bytes) -> str:
    """64 hex digits that only who knows ``value`` can make: HMAC-SHA256 with it as the key (a
    ``sidecar_config.fingerprint`` has it as the message: neither can be used as the other)."""
    return hmac.new(value.encode(), b"proof:" + nonce, hashlib.sha256).hexdigest()
