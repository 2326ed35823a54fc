"""What this host is to bb: who its sidecars run as, and the extra CA that they trust. I/O."""

from __future__ import annotations

import os
from pathlib import Path

from botbottle.errors import ManifestError

UNPRIVILEGED = 65532  # uid of sidecars when bb itself runs as root


def sidecar_user() -> str:
    """``uid:gid`` of sidecars: this user, or an unprivileged one when bb runs as root."""
    if os.getuid() == 0:
        return f"{UNPRIVILEGED}:{UNPRIVILEGED}"
    return f"{os.getuid()}:{os.getgid()}"


def read_ca(path: str) -> str:
    """PEM text of the extra CA. Raises ManifestError when the file cannot be read."""
    if not path:
        return ""
    try:
        return Path(path).expanduser().read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(
            f"egress_ca cannot be read: {type(error).__name__}", where=path
        ) from error
